"""Tell a damaged write-ahead log from one that a crash cut short.

SQLite ends its recovery at the first frame that does not fit, without a word: right after a crash,
when the last transaction was half written, but a flipped bit in the middle silently undoes
every commit after it. With `synchronous=FULL` each transaction is on the disk before the next one
begins, so that more than one commit beyond the first bad frame proves damage.

Spec: 40-wallet-document.md
"""

import struct
from pathlib import Path
from typing import BinaryIO

from billfold.store.private_files import file_error
from billfold_protocol.errors import StoreDamaged

# The layout: SQLite "Database File Format" §4.1 and §4.2.
_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_MAGIC_LITTLE_ENDIAN = 0x377F0682
_MAGIC_BIG_ENDIAN = 0x377F0683
_MASK = 0xFFFFFFFF


def check_write_ahead_log(path: Path) -> None:
    """Check the log that a killed process left; one that closed well left none.

    What cannot be told from a crash passes: damage in the last transaction only, or a log that
    ends early.

    Raises:
        StoreDamaged: transactions that had returned lie beyond a damaged place.
        StoreError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            is_whole = _is_whole(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(error, path) from error
    if not is_whole:
        raise StoreDamaged(
            f"The file {path} is damaged, and later edits in it would be lost; "
            "keep a copy of the directory and restore the wallet from another device."
        )


def _is_whole(file: BinaryIO) -> bool:
    raw_header = file.read(_HEADER.size)
    if len(raw_header) < _HEADER.size:
        return True
    magic, _, page_size, _, *salts, sum_1, sum_2 = _HEADER.unpack(raw_header)
    order = ">" if magic == _MAGIC_BIG_ENDIAN else "<"
    sums = _add(order, raw_header[:24], (0, 0))
    if magic not in (_MAGIC_BIG_ENDIAN, _MAGIC_LITTLE_ENDIAN) or sums != (sum_1, sum_2):
        # SQLite syncs the header before the first frame, so frames after a bad one are orphans.
        return not file.read(1)
    is_broken = False
    commits_beyond = 0
    while len(frame := file.read(_FRAME_HEADER.size + page_size)) == _FRAME_HEADER.size + page_size:
        _, page_count_after_commit, *frame_salts, sum_1, sum_2 = _FRAME_HEADER.unpack_from(frame)
        if not is_broken:
            sums = _add(order, frame[:8], sums)
            sums = _add(order, frame[_FRAME_HEADER.size :], sums)
            is_broken = frame_salts != salts or sums != (sum_1, sum_2)
        # Frames with other salts are left over from before the log began anew.
        if is_broken and frame_salts == salts and page_count_after_commit:
            commits_beyond += 1
    return commits_beyond <= 1


def _add(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Continue SQLite's running checksum over 8-byte steps ("Database File Format" §4.2)."""
    first, second = sums
    for left, right in struct.iter_unpack(order + "II", data):
        first = (first + left + second) & _MASK
        second = (second + right + first) & _MASK
    return first, second
