"""One attachment: the value of a record's field `attachments/<id>`, and its name as a holder.

Spec: 40-wallet-document.md
"""

import contextlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from billfold.document import Document, Scalar
from billfold_protocol import codec
from billfold_protocol.blobs import REF_SIZE_MAX, BlobRef
from billfold_protocol.errors import BillfoldError, InputError, Malformed
from billfold_protocol.ids import HolderTag, WalletId

ATTACHMENTS: Final = "attachments/"
"""What the names of the fields begin with."""

VERSION: Final = 1
NAME_SIZE_MAX: Final = 255
MEDIA_TYPE_SIZE_MAX: Final = 127
VALUE_SIZE_MAX: Final = 1024
DEFAULT_MEDIA_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that belongs to a record."""

    record: str
    id: str
    """26 characters; it never changes."""

    name: str
    """What the person calls it; at most 255 bytes, one line, and no path."""

    media_type: str
    """Such as `application/pdf`; what its adder said."""

    time_ms: int
    """When it was added, by its adder's clock; shown, never decided on."""

    ref: BlobRef = field(repr=False)
    is_pending: bool = False
    """Whether it is on this device only, until the server holds it."""

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.ref.size

    @property
    def field_name(self) -> str:
        """The field of the record that holds it."""
        return ATTACHMENTS + self.id

    def tag(self, wallet_id: WalletId) -> HolderTag:
        """Return the tag under which the record holds the blob on the server."""
        return self.ref.tag(wallet_id, f"{self.record}/{self.field_name}".encode())

    def encode(self) -> bytes:
        """Return the field's value."""
        return codec.encode([VERSION, self.ref.encode(), self.name, self.media_type, self.time_ms])

    @classmethod
    def decode(cls, record: str, id_: str, value: Scalar) -> "Attachment":
        """Read a field's value.

        Raises:
            Malformed: it is no attachment.
            Downgrade: it is of another version.
        """
        if not isinstance(value, bytes):
            raise Malformed("the field holds no attachment")
        fields = codec.as_array(codec.decode(value, size_max=VALUE_SIZE_MAX), 5)
        codec.as_integer(fields[0], minimum=VERSION, maximum=VERSION)
        try:
            name = check_file_name(codec.as_text(fields[2], size_max=NAME_SIZE_MAX))
        except InputError as error:
            raise Malformed("the attachment's name is not acceptable") from error
        return cls(
            record=record,
            id=id_,
            ref=BlobRef.parse(codec.as_bytes(fields[1], size_max=REF_SIZE_MAX)),
            name=name,
            media_type=codec.as_text(fields[3], size_max=MEDIA_TYPE_SIZE_MAX),
            time_ms=codec.as_integer(fields[4]),
        )


def check_file_name(name: str) -> str:
    """Return a name that a file can have in any folder.

    Raises:
        InputError: it is empty, too long, a path, or has control characters.
    """
    is_path = "/" in name or "\\" in name or name in {".", ".."}
    if not name.strip() or is_path or any(unicodedata.category(c)[0] == "C" for c in name):
        raise InputError("an attachment's name is one line, and no path")
    if len(name.encode(errors="replace")) > NAME_SIZE_MAX:
        raise InputError(f"an attachment's name has at most {NAME_SIZE_MAX} bytes")
    return name


def check_media_type(media_type: str) -> str:
    """Return a media type.

    Raises:
        InputError: it is not of the form `type/subtype`.
    """
    kind, slash, subtype = media_type.partition("/")
    is_plain = media_type.isascii() and media_type.isprintable()
    if not (kind and slash and subtype and is_plain) or len(media_type) > MEDIA_TYPE_SIZE_MAX:
        raise InputError("a media type is such as application/pdf")
    return media_type


def attachments_in(document: Document, record: str | None = None) -> Iterator[Attachment]:
    """Return what fields of a record (None: of all) name, conflicting values included.

    A value that is no attachment, such as one of a newer version, is left alone.
    """
    for owner, name, value in document.live_values(ATTACHMENTS, record=record):
        with contextlib.suppress(BillfoldError):
            yield Attachment.decode(owner, name.removeprefix(ATTACHMENTS), value)


def shown_attachments(document: Document, record: str) -> Iterator[Attachment]:
    """Return a record's attachments, of conflicting values the one to show."""
    for name in dict.fromkeys(
        name for _, name, _ in document.live_values(ATTACHMENTS, record=record)
    ):
        state = document.field(record, name)
        if state is None:
            continue
        with contextlib.suppress(BillfoldError):
            yield Attachment.decode(record, name.removeprefix(ATTACHMENTS), state.value)
