"""Takes automerge changes apart and puts them together again, right or wrong.

The layout is that of the automerge binary format, "change chunk".

Spec: 40-wallet-document.md
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from billfold.document.columns import FIRST_LONG_BYTE, encode_unsigned, read_unsigned

_MAGIC = b"\x85\x6f\x4a\x83"
_TYPE_CHANGE = b"\x01"
_TYPE_DEFLATED = b"\x02"
_DEFLATED_OFFSET = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeParts:
    """What a change consists of; its time and the other actors that it names are kept as bytes."""

    dependencies: tuple[bytes, ...]
    actor: bytes
    seq: int
    start: int
    time: bytes
    message: bytes
    others: tuple[bytes, ...]
    columns: Mapping[int, bytes]

    @classmethod
    def read(cls, raw: bytes) -> "ChangeParts":
        """Take a well-formed change apart."""
        body = _body_of(raw)
        count, at = read_unsigned(body, 0)
        dependencies = tuple(body[at + 32 * n : at + 32 * (n + 1)] for n in range(count))
        actor, at = _read_sized(body, at + 32 * count)
        seq, at = read_unsigned(body, at)
        start, at = read_unsigned(body, at)
        end = at
        while body[end] >= FIRST_LONG_BYTE:
            end += 1
        time, at = body[at : end + 1], end + 1
        message, at = _read_sized(body, at)
        count, at = read_unsigned(body, at)
        others = []
        for _ in range(count):
            other, at = _read_sized(body, at)
            others.append(other)
        count, at = read_unsigned(body, at)
        sizes = {}
        for _ in range(count):
            number, at = read_unsigned(body, at)
            sizes[number], at = read_unsigned(body, at)
        columns = {}
        for number, size in sizes.items():
            columns[number], at = body[at : at + size], at + size
        return cls(
            dependencies=dependencies,
            actor=actor,
            seq=seq,
            start=start,
            time=time,
            message=message,
            others=tuple(others),
            columns=columns,
        )

    @property
    def body(self) -> bytes:
        """The contents of the chunk."""
        columns = sorted(self.columns.items())
        return b"".join(
            (
                encode_unsigned(len(self.dependencies)),
                *self.dependencies,
                _sized(self.actor),
                encode_unsigned(self.seq),
                encode_unsigned(self.start),
                self.time,
                _sized(self.message),
                encode_unsigned(len(self.others)),
                *map(_sized, self.others),
                encode_unsigned(len(columns)),
                *(encode_unsigned(number) + encode_unsigned(len(data)) for number, data in columns),
                *(data for _, data in columns),
            )
        )

    @property
    def raw(self) -> bytes:
        """The change."""
        return framed(self.body)

    def with_(self, **changed: object) -> "ChangeParts":
        """Return it with other parts."""
        return replace(self, **changed)  # type: ignore[arg-type]  # Any part.

    def with_columns(self, changed: Mapping[int, bytes]) -> "ChangeParts":
        """Return it with other columns; one without bytes is left out."""
        columns = {**self.columns, **changed}
        return replace(self, columns={number: data for number, data in columns.items() if data})


def framed(body: bytes) -> bytes:
    """Return contents as a change, with the checksum that they have."""
    frame = _TYPE_CHANGE + _sized(body)
    return _MAGIC + hashlib.sha256(frame).digest()[:4] + frame


def deflated(body: bytes) -> bytes:
    """Return contents as a deflated change."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = compressor.compress(body) + compressor.flush()
    return framed(body)[:_DEFLATED_OFFSET] + _TYPE_DEFLATED + _sized(data)


def hash_of(raw: bytes) -> bytes:
    """Return a change's hash: of its type, size and contents before deflating."""
    return hashlib.sha256(_TYPE_CHANGE + _sized(_body_of(raw))).digest()


def _body_of(raw: bytes) -> bytes:
    data, _ = _read_sized(raw, _DEFLATED_OFFSET + 1)
    is_deflated = raw[_DEFLATED_OFFSET : _DEFLATED_OFFSET + 1] == _TYPE_DEFLATED
    return zlib.decompress(data, wbits=-zlib.MAX_WBITS) if is_deflated else data


def _sized(data: bytes) -> bytes:
    return encode_unsigned(len(data)) + data


def _read_sized(data: bytes, position: int) -> tuple[bytes, int]:
    size, start = read_unsigned(data, position)
    return data[start : start + size], start + size
