"""Passes as Apple's wallet takes them: a zip with `pass.json`, pictures and a signature.

A pass becomes a `pass`, a file of several passes one for each. What the pass shows is the issuer's
fact and stays as its issuer wrote it. Pictures and translations are named in the report and stay in
the file. The signature is *not* checked: nobody but the issuer can renew a pass anyway.

Spec: 43-portability.md
"""

import io
import zipfile
import zlib
from typing import Final

from billfold.document import IssuerFact
from billfold.importers.interface import IMPORT_SIZE_MAX, ImportReport
from billfold.importers.json_reader import decode_text, parse_json_tolerantly
from billfold.importers.record_builder import Branch, RecordBuilder, ReportBuilder, content_hash
from billfold.importers.timestamps import unix_seconds
from billfold_protocol.errors import LimitExceeded, Malformed

FORMAT: Final = "pkpass"

PASS_SIZE_MAX: Final = 1024 * 1024
"""The largest `pass.json`, in bytes once inflated."""

MEMBERS_MAX: Final = 1_000
"""The most files in one pass."""

PASSES_MAX: Final = 1_000
"""The most passes in one file."""

_STYLES: Final = ("boardingPass", "coupon", "eventTicket", "storeCard", "generic")
_GROUPS: Final = (
    "headerFields",
    "primaryFields",
    "secondaryFields",
    "auxiliaryFields",
    "backFields",
)
_TEXTS: Final[dict[str, str]] = {
    "passTypeIdentifier": "pass_type_identifier",
    "serialNumber": "serial_number",
    "teamIdentifier": "team_identifier",
    "organizationName": "organization_name",
    "description": "description",
    "logoText": "logo_text",
    "relevantDate": "relevant_date",
    "expirationDate": "expiration_date",
    "webServiceURL": "web_service_url",
    "authenticationToken": "authentication_token",
}
_PICTURES: Final = "Pictures and translations stay in the file; keep it if you want them."
_NONE: Final = "This is no pass, so it was not imported."
_SIGNATURE: Final = "PK\x03\x04".encode("latin-1")


def is_zip(data: bytes) -> bool:
    """Say whether bytes begin like a zip."""
    return data.startswith(_SIGNATURE)


def read_pkpass(data: bytes) -> ImportReport:
    """Read a pass, or a file of passes.

    Raises:
        Malformed: The file is no zip with a pass in it.
        LimitExceeded: It holds too much.
    """
    if len(data) > IMPORT_SIZE_MAX:
        raise LimitExceeded(f"The file is larger than {IMPORT_SIZE_MAX >> 20} MiB.")
    report = ReportBuilder(FORMAT)
    files = _open(data)
    inner = [name for name in files.namelist() if name.lower().endswith(".pkpass")]
    if "pass.json" in files.namelist():
        _read_pass(report, files, ())
    elif inner:
        if len(inner) > PASSES_MAX:
            raise LimitExceeded(f"The file holds more than {PASSES_MAX} passes.")
        for index, name in enumerate(inner):
            try:
                _read_pass(report, _open(_read_member(files, name, IMPORT_SIZE_MAX)), (index,))
            except Malformed:
                report.add_refused((index,), _NONE)
    else:
        raise Malformed("The zip holds no pass: there is no pass.json in it.")
    return report.build()


def _open(data: bytes) -> zipfile.ZipFile:
    try:
        files = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Malformed("The file is a broken zip; fetch the pass again.") from error
    if len(files.namelist()) > MEMBERS_MAX:
        raise LimitExceeded(f"The pass holds more than {MEMBERS_MAX} files.")
    return files


def _read_member(files: zipfile.ZipFile, name: str, size_max: int) -> bytes:
    """Inflate one file, and no more of it than it may have."""
    try:
        with files.open(name) as member:
            data = member.read(size_max + 1)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        zlib.error,
    ) as error:
        raise Malformed("The pass cannot be unpacked; fetch it again.") from error
    if len(data) > size_max:
        raise LimitExceeded(f"The file {name} in the pass is larger than {size_max >> 20} MiB.")
    return data


def _read_pass(report: ReportBuilder, files: zipfile.ZipFile, root: tuple[int, ...]) -> None:
    if "pass.json" not in files.namelist():
        raise Malformed("The zip holds no pass: there is no pass.json in it.")
    value, _ = parse_json_tolerantly(decode_text(_read_member(files, "pass.json", PASS_SIZE_MAX)))
    if not isinstance(value, dict):
        raise Malformed("The pass.json is no JSON object.")
    builder = RecordBuilder(report, "pass", root)
    branch = builder.branch(value)
    branch.put_all(_TEXTS)
    branch.put_original("formatVersion")
    issued = unix_seconds(_latest(files))
    _read_barcodes(branch)
    voided = value.get("voided")
    if isinstance(voided, bool):
        builder.put("voided", _fact(voided, issued), ("voided",))
        branch.put_original("voided")
    for style in _STYLES:
        if isinstance(value.get(style), dict):
            builder.put("style", style, (style,))
            _read_fields(builder, branch.branch(style), issued)
    others = sorted(set(files.namelist()) - {"pass.json", "manifest.json", "signature"})
    if others:
        report.add_unmapped((*root, others[0]), _PICTURES, "nothing")
    serial = builder.text("serial_number") or content_hash(value)
    label = builder.text("description") or builder.text("organization_name") or "Pass"
    report.add(builder.build((serial, builder.text("pass_type_identifier")), label))


def _read_barcodes(branch: Branch) -> None:
    barcodes = [*branch.branches("barcodes"), branch.branch("barcode")]
    for barcode in barcodes:
        barcode.put_all({"message": "barcode/message", "format": "barcode/format"})
        barcode.put_original("messageEncoding")


def _read_fields(builder: RecordBuilder, style: Branch, issued: int | None) -> None:
    """Take what the pass shows: by its key, the value, with its label beside it."""
    for group in _GROUPS:
        for shown in style.branches(group):
            key, value = shown.take_text("key"), shown.peek("value")
            if key and "#" not in key and isinstance(value, str | int | float):
                builder.put(f"fields/{key}", _fact(value, issued), (*shown.path, "value"))
                shown.put_original("value")
                shown.put("label", f"labels/{key}")
            elif key:
                builder.keep((*shown.path, "key"), key)
    style.put("transitType", "transit_type")


def _fact(value: str | float, issued: int | None) -> str:
    return IssuerFact(value=value, time_s=issued or 0).encode()


def _latest(files: zipfile.ZipFile) -> str | None:
    """Return the time at which the pass was packed, as its issuer's clock had it."""
    moment = files.getinfo("pass.json").date_time
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*moment)
