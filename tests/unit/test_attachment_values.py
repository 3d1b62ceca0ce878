from dataclasses import replace

import pytest

from billfold.attachments.attachment import (
    Attachment,
    attachments_in,
    check_file_name,
    check_media_type,
    shown_attachments,
)
from billfold.document import Document, FieldEdit
from billfold_protocol import codec
from billfold_protocol.blobs import BlobRef
from billfold_protocol.errors import BillfoldError, InputError, Malformed
from billfold_protocol.ids import BlobId, WalletId
from tests.support.seeded_bytes import bytes_of

RECORD, ID = "a" * 26, "e" * 26
REF = BlobRef(id=BlobId(bytes_of("id", 32)), key=bytes_of("key", 32), size=1000)
SCAN = Attachment(
    record=RECORD, id=ID, name="scan.pdf", media_type="application/pdf", time_ms=7, ref=REF
)


def document_with(**values: object) -> Document:
    document = Document(bytes(16))
    edits = [
        FieldEdit(RECORD, f"attachments/{name}", value)  # type: ignore[arg-type]  # Any scalar.
        for name, value in values.items()
    ]
    document.change([FieldEdit(RECORD, "type", "document"), *edits], time_ms=0)
    return document


def test_an_attachment_is_written_and_read_alike() -> None:
    assert Attachment.decode(RECORD, ID, SCAN.encode()) == SCAN
    assert SCAN.field_name == f"attachments/{ID}"
    assert SCAN.size == 1000
    assert REF.key.hex() not in repr(SCAN)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        7,
        b"",
        b"garbage",
        codec.encode([1, REF.encode(), "scan.pdf", "application/pdf"]),
        codec.encode([2, REF.encode(), "scan.pdf", "application/pdf", 7]),
        codec.encode([1, b"no reference", "scan.pdf", "application/pdf", 7]),
        codec.encode([1, REF.encode(), "../../.profile", "application/pdf", 7]),
        codec.encode([1, REF.encode(), "a\x1b[2Jb", "application/pdf", 7]),
        codec.encode([1, REF.encode(), "x" * 256, "application/pdf", 7]),
        codec.encode([1, REF.encode(), "scan.pdf", "x" * 128, 7]),
        codec.encode([1, REF.encode(), "scan.pdf", "application/pdf", -1]),
    ],
)
def test_a_value_that_is_no_attachment_is_left_alone(value: object) -> None:
    with pytest.raises(BillfoldError):
        Attachment.decode(RECORD, ID, value)  # type: ignore[arg-type]  # Any scalar.
    document = document_with(good=SCAN.encode(), bad=value)
    assert [one.id for one in attachments_in(document)] == ["good"]
    assert [one.id for one in shown_attachments(document, RECORD)] == ["good"]


def test_what_two_devices_called_one_file_is_held_twice_and_shown_once() -> None:
    one, other = Document(bytes(16)), Document(b"\1" * 16)
    first = one.change([FieldEdit(RECORD, "type", "document")], time_ms=0)
    assert first is not None
    other.apply([first.raw])
    changes = {}
    for document, name in ((one, "one.pdf"), (other, "other.pdf")):
        edit = FieldEdit(RECORD, SCAN.field_name, replace(SCAN, name=name).encode())
        changes[name] = document.change([edit], time_ms=1)
    theirs = changes["other.pdf"]
    assert theirs is not None
    one.apply([theirs.raw])
    assert {found.name for found in attachments_in(one)} == changes.keys()
    (shown,) = shown_attachments(one, RECORD)
    assert shown.name in changes


def test_a_tag_belongs_to_one_record_and_one_attachment() -> None:
    wallet_id = WalletId(bytes(32))
    tags = {
        SCAN.tag(wallet_id),
        replace(SCAN, record="b" * 26).tag(wallet_id),
        replace(SCAN, id="i" * 26).tag(wallet_id),
    }
    assert len(tags) == 3
    assert replace(SCAN, name="renamed").tag(wallet_id) in tags


@pytest.mark.parametrize("name", ["scan.pdf", "Üñï.txt", "a b (1).tar.gz", "..x", "😀"])
def test_a_name_that_a_file_can_have_is_taken(name: str) -> None:
    assert check_file_name(name) == name


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", "\u202eb"])
def test_a_name_that_is_a_path_or_deceives_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_file_name(name)


@pytest.mark.parametrize("media_type", ["", "pdf", "/pdf", "application/", "a/b\n", "ä/b"])
def test_a_media_type_has_two_parts(media_type: str) -> None:
    with pytest.raises(InputError):
        check_media_type(media_type)
    assert check_media_type("application/pdf") == "application/pdf"


def test_a_value_of_another_type_than_bytes_is_malformed() -> None:
    with pytest.raises(Malformed):
        Attachment.decode(RECORD, ID, "text")
