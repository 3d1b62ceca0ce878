"""The activity log: each device's own chain of entries, linked by hash, and all of them by time.

An entry names claims and never holds what they say. One that is gone leaves a gap in its device's
chain: either the person deleted it, which is noted, or somebody else did, which is reported.

Spec: 41-records.md
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from billfold.document import RecordView, Scalar, encode_scalar
from billfold.model.activities import Activity
from billfold.model.common import COMMON_FIELDS
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import digest
from billfold_protocol.errors import InputError

ACTIVITY: Final = "activity"
HEAD: Final = "activity_head"
"""In the record of a device: the number and the hash of its newest entry."""

DELETED: Final = "activity_deleted/"
"""In the record of a device: which entries it has deleted, `<device>/<number>` → hash."""

TEXT_LENGTH_MAX: Final = 2_048
CLAIMS_MAX: Final = 512

_CLAIMS: Final = ("claims_requested/", "claims_presented/")
_CLAIM_NAME: Final = re.compile(r"[A-Za-z0-9_.:/*-]{1,104}")
_CREDENTIAL_TYPE: Final = re.compile(r"[\x21-\x7e]{1,256}")
_HEAD: Final = re.compile(r"([1-9][0-9]{0,8}) ([0-9a-f]{64})")
_ESCAPED: Final = re.compile(r"[^a-z0-9_]")

LogKey = tuple[str, int]
"""A device's id in hexadecimal, and a number in its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far a device's log goes."""

    number: int
    hash: str
    """64 hexadecimal digits."""

    def encode(self) -> str:
        """Return the text that the device's record holds."""
        return f"{self.number} {self.hash}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """What is wrong with the log of the wallet's devices, if anything is."""

    missing: tuple[LogKey, ...]
    """Entries that are gone though the person did not delete them."""

    altered: tuple[str, ...]
    """Records that are not what the next entry of their device says, or in no chain at all."""

    deleted: tuple[LogKey, ...]
    """Entries that the person deleted."""

    @property
    def is_whole(self) -> bool:
        """Whether every entry is there, as it was written, or was deleted by the person."""
        return not self.missing and not self.altered


def claim_name(path: Sequence[str | int | None]) -> str:
    """Return a claim's path (OpenID4VP 1.0 §7) as part of a field's name; `*` is every element."""
    return ".".join(
        "*" if part is None else str(part) if isinstance(part, int) else _escape(part)
        for part in path
    )


def check_activity(fields: Mapping[str, Scalar]) -> None:
    """Check that fields of an entry name claims and hold nothing else about the person.

    Raises:
        InputError: one may hold a value.
    """
    count = 0
    for name, value in fields.items():
        group = next((prefix for prefix in _CLAIMS if name.startswith(prefix)), None)
        if group is not None:
            count += 1
            if not _CLAIM_NAME.fullmatch(name.removeprefix(group)):
                raise InputError("the activity log holds the paths of claims, and nothing else")
            if not isinstance(value, str) or not _CREDENTIAL_TYPE.fullmatch(value):
                raise InputError(
                    f"the field {name!r} of an activity names the credential's type, never a value"
                )
        elif isinstance(value, str) and len(value) > TEXT_LENGTH_MAX:
            raise InputError(f"the field {name!r} of an activity is too long for what it names")
    if count > CLAIMS_MAX:
        raise InputError(f"an activity names at most {CLAIMS_MAX} claims")


def hash_of_entry(fields: Mapping[str, Scalar]) -> str:
    """Return the hash by which the next entry names this one, 64 hexadecimal digits.

    Args:
        fields: all of the entry's; those that any record may have are left out.
    """
    parts: list[bytes] = []
    for name in sorted(fields):
        if not _is_common(name):
            parts += (name.encode(), encode_scalar(fields[name]))
    return digest(Domain.ACTIVITY_HASH, *parts).hex()


def linked_after(head: Head | None, device: str, fields: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return the fields of a device's next entry, with its place in the device's chain."""
    linked: dict[str, Scalar] = {**fields, "device": device}
    linked["number"] = 1 if head is None else head.number + 1
    if head is not None:
        linked["previous"] = head.hash
    return linked


def parse_head(value: Scalar) -> Head | None:
    """Return what a device's record says; None if it says nothing of the kind."""
    match = _HEAD.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else Head(number=int(match[1]), hash=match[2])


def in_order(records: Iterable[RecordView]) -> list[Activity]:
    """Return entries of all devices by time; those of one time by device and number."""

    def order(entry: Activity) -> tuple[int, str, int, str]:
        return (entry.happened_at or 0, entry.device or "", entry.number or 0, entry.record.id)

    return sorted(map(Activity, records), key=order)


def verify_log(
    records: Iterable[RecordView],
    heads: Mapping[str, Head],
    deleted: Mapping[LogKey, str],
) -> LogReport:
    """Check each device's chain, from its first entry to the newest that anything names.

    A device that went on from a restored copy may have two entries of one number; that is no fault.

    Args:
        records: every activity, those in the trash too.
        heads: how far the log of each device goes, by its id.
        deleted: the hashes of the entries that the person deleted.
    """
    held: dict[LogKey, dict[str, RecordView]] = defaultdict(dict)
    named: dict[LogKey, set[str]] = defaultdict(set)
    altered: set[str] = set()
    tops = {device: head.number for device, head in heads.items()}
    for device, head in heads.items():
        named[device, head.number].add(head.hash)
    for record in records:
        entry = Activity(record)
        if entry.device is None or entry.number is None or entry.number < 1:
            altered.add(record.id)
            continue
        fields = {name: state.value for name, state in record.fields.items()}
        held[entry.device, entry.number][hash_of_entry(fields)] = record
        if entry.previous is not None:
            named[entry.device, entry.number - 1].add(entry.previous)
        tops[entry.device] = max(tops.get(entry.device, 0), entry.number)
    missing: list[LogKey] = []
    for key in ((device, number) for device, top in tops.items() for number in range(1, top + 1)):
        here, names = held.get(key, {}), named.get(key, set())
        if names - here.keys() - {deleted.get(key)}:
            altered.update(one.id for name, one in here.items() if name not in names)
        if not here and key not in deleted:
            missing.append(key)
    return LogReport(
        missing=tuple(sorted(missing)),
        altered=tuple(sorted(altered)),
        deleted=tuple(sorted(key for key in deleted if key not in held)),
    )


def _is_common(name: str) -> bool:
    return any(field.covers(name) for field in COMMON_FIELDS)


def _escape(member: str) -> str:
    """Write a member's name as page 40 §12 does."""

    def escaped(found: re.Match[str]) -> str:
        character = found[0]
        if character == "-":
            return "--"
        return f"-{character.lower()}" if "A" <= character <= "Z" else f":{ord(character):x}:"

    return _ESCAPED.sub(escaped, member)
