"""A wallet for scripts without asyncio: the same calls, each of which returns when it is done.

The wallet lives in a thread of its own. One `BlockingWallet` may be used from several threads. It
has every public name of `Wallet`; what is not written out here is called as it is there, without
`await`, and so are its parts: `wallet.recovery.begin()`, `wallet.attachments.list(record)`.

    with BlockingWallet.open("wallet", unlock=Passphrase("…")) as wallet:
        with wallet.edit() as edit:
            edit.add("login", title="Library", username="ada")

Spec: 40-wallet-document.md
"""

import contextlib
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from billfold.blocking_parts import LoopThread, blocking_attribute, public_names
from billfold.document import Conflict, HistoryItem, RecordView, Scalar
from billfold.editing import EditBlock
from billfold.exporting import export_wallet
from billfold.findings import Finding
from billfold.household import Device, Revoked
from billfold.importers import read_import
from billfold.importing import ImportResult, import_report
from billfold.keyring import Unlock
from billfold.other_history import OtherHistory
from billfold.pairing import Confirm, ShowCode
from billfold.reports import Change, Status, SyncReport
from billfold.wallet import Wallet
from billfold_protocol.ids import WalletId
from billfold_protocol.linking import Hello

_Result = TypeVar("_Result")


class BlockingWallet:
    """One open wallet; close it, or use it with `with`. Errors are those of `Wallet`."""

    def __init__(self, loop: "LoopThread", wallet: Wallet) -> None:
        """Take over an open wallet; `create`, `open` and `link` are the ways to get one."""
        self._loop = loop
        self._wallet = wallet

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        unlock: Unlock,
        name: str = "first device",
        server: str | None = None,
        token: str | None = None,
    ) -> "BlockingWallet":
        """Make a wallet, as `Wallet.create` does.

        Raises:
            StoreExists, InputError, StoreError: see `Wallet.create`.
        """
        return cls._begin(
            lambda: Wallet.create(path, unlock=unlock, name=name, server=server, token=token)
        )

    @classmethod
    def open(cls, path: str | Path, *, unlock: Unlock) -> "BlockingWallet":
        """Open the wallet in a folder, as `Wallet.open` does.

        Raises:
            StoreMissing, StoreBusy, UnlockFailed, UpdateNeeded, StoreDamaged: see `Wallet.open`.
        """
        return cls._begin(lambda: Wallet.open(path, unlock=unlock))

    @classmethod
    def link(
        cls,
        path: str | Path,
        *,
        unlock: Unlock,
        server: str,
        name: str,
        code: str | None = None,
        show: ShowCode | None = None,
    ) -> "BlockingWallet":
        """Bring a wallet onto this device, as `Wallet.link` does; `show` runs in another thread.

        Raises:
            PairingFailed, TransportError, StoreExists, InputError: see `Wallet.link`.
        """
        return cls._begin(
            lambda: Wallet.link(path, unlock=unlock, server=server, name=name, code=code, show=show)
        )

    @classmethod
    def _begin(cls, make: Callable[[], Coroutine[Any, Any, Wallet]]) -> "BlockingWallet":
        loop = LoopThread()
        try:
            return cls(loop, loop.run(make()))
        except BaseException:
            loop.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Make durable what is left, go offline and let go of the folder.

        Raises:
            StoreError: the last edits could not be made durable; their calls have said so too.
        """
        if self._loop.is_stopped:
            return
        try:
            self._loop.run(self._wallet.close())
        finally:
            self._loop.stop()

    @property
    def wallet_id(self) -> WalletId:
        """The wallet's 32-byte id, the same on every device."""
        return self._call(lambda wallet: wallet.wallet_id)

    def records(self, record_type: str | None = None, *, trashed: bool = False) -> list[RecordView]:
        """Return the records of a type (None: of all), in order of id.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: wallet.records(record_type, trashed=trashed))

    def record(self, record: str) -> RecordView:
        """Return one record.

        Raises:
            NotFound: there is none with this id.
        """
        return self._call(lambda wallet: wallet.record(record))

    def conflicts(self) -> list[Conflict]:
        """Return the fields that devices set to different values without knowing of each other.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: wallet.conflicts())

    def history(self, record: str, field: str) -> list[HistoryItem]:
        """Return what happened to a field, causes before effects.

        Raises:
            NotFound: there is no record with this id.
        """
        return self._call(lambda wallet: wallet.history(record, field))

    @contextlib.contextmanager
    def edit(self) -> Iterator[EditBlock]:
        """Begin several edits that become one durable change when the `with` block ends.

        Raises:
            AccessError, InputError, LimitExceeded: the edits are not possible.
            StoreError: they could not be made durable, and are undone.
        """
        # Building the block only looks at what is in memory; committing it is the loop's work.
        block = self._call(lambda wallet: wallet.edit())
        yield block
        self._loop.run(block.__aexit__(None, None, None))

    def set(self, record: str, field: str, value: Scalar) -> Change | None:
        """Set one field; None if it has this value already.

        Raises:
            NotFound, AccessError, InputError, LimitExceeded, StoreError: see `Wallet.set`.
        """
        return self._loop.run(self._wallet.set(record, field, value))

    def undo(self, record: str, field: str) -> None:
        """Bring back what a field held before, as a new edit.

        Raises:
            NotFound: nothing ever happened to this field.
        """
        self._loop.run(self._wallet.undo(record, field))

    def import_file(self, data: bytes, *, name: str = "") -> ImportResult:
        """Import a file's bytes, as `read_import` and `import_report` do.

        Raises:
            Malformed, LimitExceeded, InputError, UpdateNeeded: see `read_import`.
            AccessError, StoreError: see `import_report`.
        """
        return self._loop.run(import_report(self._wallet, read_import(data, name=name)))

    def export(self, record_type: str | None = None) -> bytes:
        """Return the records of a type (None: of all) as JSON that is not encrypted.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: export_wallet(wallet, record_type))

    def status(self) -> Status:
        """Return how the wallet stands.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: wallet.status())

    def connect(self, server: str, *, token: str | None = None) -> None:
        """Sync with this server from now on.

        Raises:
            InputError: the address is not acceptable, or the wallet lives elsewhere.
        """
        self._loop.run(self._wallet.connect(server, token=token))

    def disconnect(self) -> None:
        """Go offline until `connect` or `sync`.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        self._loop.run(self._wallet.disconnect())

    def sync(self, *, deadline_s: float = 30.0) -> SyncReport:
        """Go online and return when everything is in step, or at the deadline.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._loop.run(self._wallet.sync(deadline_s=deadline_s))

    def devices(self) -> list[Device]:
        """Return the wallet's devices in the order they joined, removed ones last.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: wallet.devices())

    def rename_device(self, device: str, name: str) -> None:
        """Call a device something else.

        Raises:
            NotFound, InputError: see `Wallet.rename_device`.
        """
        self._loop.run(self._wallet.rename_device(device, name))

    def link_device(self, uri: str, *, confirm: Confirm) -> Hello:
        """Link the device that shows a QR code; `confirm` runs in another thread.

        Raises:
            WrongContext, PairingFailed, TransportError: see `Wallet.link_device`.
        """
        return self._loop.run(self._wallet.link_device(uri, confirm=confirm))

    def link_device_by_words(self, *, show: ShowCode, confirm: Confirm) -> Hello:
        """Show words, and link the device into which they are typed, as `Wallet` does.

        Raises:
            PairingFailed, TransportError: see `Wallet.link_device_by_words`.
        """
        return self._loop.run(self._wallet.link_device_by_words(show=show, confirm=confirm))

    def other_history(self) -> OtherHistory | None:
        """Return how the server's history of devices differs from ours; None if it is one.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: wallet.other_history())

    def merge_histories(self) -> None:
        """Agree that the server's history of devices and ours become one, at the next sync.

        Raises:
            LocalProtocolError, NotAuthorised: see `Wallet.merge_histories`.
        """
        self._loop.run(self._wallet.merge_histories())

    def revoke(self, device: str) -> Revoked:
        """Remove a device; it gets nothing new.

        Raises:
            NotFound, NotAuthorised, TransportError: see `Wallet.revoke`.
        """
        return self._loop.run(self._wallet.revoke(device))

    @property
    def is_locked(self) -> bool:
        """Whether the keys have been let go of."""
        return self._call(lambda wallet: wallet.is_locked)

    def lock(self) -> None:
        """Make durable what is left, go offline and let go of the keys, as `Wallet.lock` does.

        Raises:
            StoreError: the last edits could not be made durable; the wallet is locked all the same.
        """
        self._loop.run(self._wallet.lock())

    def unlock(self, unlock: Unlock) -> None:
        """Open a locked wallet again; nothing happens if it is open.

        Raises:
            UnlockFailed, StoreBusy, StoreError: see `Wallet.unlock`.
        """
        self._loop.run(self._wallet.unlock(unlock))

    def change_unlock(self, *, current: Unlock, new: Unlock) -> None:
        """Open with another passphrase, or in another way, from now on; atomic.

        Raises:
            WalletLocked, UnlockFailed, InputError, StoreError: see `Wallet.change_unlock`.
        """
        self._loop.run(self._wallet.change_unlock(current=current, new=new))

    def proofs(self) -> list[Finding]:
        """Return what was found against the server or a device, the oldest first.

        Raises:
            LocalProtocolError: the wallet is closed.
        """
        return self._call(lambda wallet: wallet.proofs())

    def __getattr__(self, name: str) -> Any:
        """Return what else a wallet offers: its parts, such as `recovery` and `attachments`.

        Raises:
            AttributeError: a wallet has nothing of this name.
        """
        if name.startswith("_") or not hasattr(Wallet, name):
            raise AttributeError(f"a wallet has nothing that is called {name!r}")
        return blocking_attribute(self._loop, lambda: self._wallet, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *public_names(Wallet)})

    def _call(self, read: Callable[[Wallet], _Result]) -> _Result:
        return self._loop.call(lambda: read(self._wallet))
