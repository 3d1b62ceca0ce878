"""A disk for SQLite that fails when told to, counts what is asked of it, and can lose its power.

It stands between SQLite and the machine's own file system. What a power cut leaves is modelled
strictly: each file as it was at its last completed sync, and a deleted file still there until the
folder is synced, which the file system does with the first sync of a new file.

Spec: 30-server-api.md
"""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import apsw
from typing_extensions import override


class FaultyDisk(apsw.VFS):
    """A SQLite file system; give its `name` to the store."""

    def __init__(self, name: str, safe: Path | None = None) -> None:
        super().__init__(name, "")
        self.name = name
        self.counts: Counter[str] = Counter()
        """How often each of "write", "sync" and "truncate" was asked, by itself and by file."""
        self.interruption: Callable[[], None] | None = None
        """Called once, in the midst of the next write to the database file itself."""
        self._safe = safe
        self._deleted: set[str] = set()
        self._code = 0
        self._operation = ""
        self._calls_before = 0
        self._is_lasting = False

    def fail(self, operation: str, code: int, *, after: int, is_lasting: bool) -> None:
        """Let `after` more calls of the operation pass, then fail one, or all from then on."""
        self._operation, self._code = operation, code
        self._calls_before, self._is_lasting = after, is_lasting

    def heal(self) -> None:
        """Work again."""
        self._operation = ""

    def ask(self, operation: str, file: str) -> None:
        """Count an operation on a file, or fail it."""
        self.counts[operation] += 1
        self.counts[f"{operation} {file}"] += 1
        if self.interruption and operation == "write" and file.endswith(".db"):
            interruption, self.interruption = self.interruption, None
            interruption()
        if operation != self._operation:
            return
        if self._calls_before:
            self._calls_before -= 1
            return
        if not self._is_lasting:
            self.heal()
        raise apsw.exception_for(self._code)

    def save(self, path: Path) -> None:
        """Note that a file's bytes would now survive a power cut."""
        if self._safe is None:
            return
        if not (self._safe / path.name).exists():
            for name in self._deleted:
                (self._safe / name).unlink(missing_ok=True)
            self._deleted.clear()
        self._deleted.discard(path.name)
        shutil.copyfile(path, self._safe / path.name)

    @override
    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file, for good only when its folder is synced."""
        super().xDelete(filename, syncdir)
        self._deleted.add(Path(filename).name)

    @override
    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file that asks this disk first."""
        return _FaultyFile(self, name, flags)


class _FaultyFile(apsw.VFSFile):
    def __init__(
        self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        text = name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary"
        self._path = Path(text)

    @override
    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.ask("write", self._path.name)
        super().xWrite(data, offset)

    @override
    def xTruncate(self, newsize: int) -> None:
        self._disk.ask("truncate", self._path.name)
        super().xTruncate(newsize)

    @override
    def xSync(self, flags: int) -> None:
        self._disk.ask("sync", self._path.name)
        super().xSync(flags)
        self._disk.save(self._path)
