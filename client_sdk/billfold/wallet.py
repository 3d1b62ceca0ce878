"""The wallet: what applications use.

A wallet is a folder on this device. It works with no server at all; with one it stays in step with
the person's other devices. An edit is safe when the call that made it returns.

Spec: 40-wallet-document.md
"""

import asyncio
import secrets
from pathlib import Path

from billfold.findings import Finding, read_findings
from billfold.founding import NewReplica
from billfold.household import Device, Revoked
from billfold.keyring import DeviceToken, Unlock
from billfold.listening import EventStream
from billfold.moving import MoveOptions, MoveReport
from billfold.moving import Progress as MoveProgress
from billfold.opening import check_name, create_store, link_store, now_ms, open_store
from billfold.pairing import Confirm, ShowCode
from billfold.reports import Status, SyncReport, status_of
from billfold.restoring import DeviceTokenStore
from billfold.servers import SERVER_KEY, Server, encode_server, parse_server
from billfold.store import WalletStore
from billfold.syncing import compact, sync_all
from billfold.transport import DefaultTransport, Transport, normalise_address
from billfold.unlocked import Unlocked
from billfold.writing import WalletWriting
from billfold_protocol.errors import (
    InputError,
    LocalProtocolError,
)
from billfold_protocol.linking import Hello

CLOSE_TIMEOUT_S = 5.0


class Wallet(WalletWriting):
    """One open wallet; close it, or use it with `async with`."""

    @classmethod
    async def create(
        cls,
        path: str | Path,
        *,
        unlock: Unlock,
        name: str = "first device",
        server: str | None = None,
        token: str | None = None,
        transport: Transport | None = None,
        device_token_store: DeviceTokenStore | None = None,
    ) -> "Wallet":
        """Make a wallet in a folder that does not exist or is empty.

        Args:
            path: the folder.
            unlock: how it is unlocked: a passphrase, the OS keyring or a callback.
            name: what the person calls this device, at most 64 bytes.
            server: where to sync, such as `https://wallet.example.org`; None to stay offline.
            token: what the server's operator gave for registering, if anything.
            transport: how to reach servers; WebSockets if None.
            device_token_store: where this device keeps what tells it from a restored copy of
                itself; a file outside the folder if None.

        Raises:
            StoreExists: there is a wallet in the folder.
            InputError: the name or the address is not acceptable.
            StoreError: the folder cannot be written.
        """
        check_name(name)
        where = None if server is None else Server(address=normalise_address(server), token=token)
        founded = NewReplica.create(secrets.token_bytes, now_ms=now_ms())
        store = await asyncio.to_thread(create_store, Path(path), unlock, founded, where)
        wallet = await cls._open(Path(path), store, transport, device_token_store)
        await wallet.rename_device(wallet.status().device, name)
        return wallet

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        unlock: Unlock,
        transport: Transport | None = None,
        device_token_store: DeviceTokenStore | None = None,
    ) -> "Wallet":
        """Open the wallet in a folder; it goes online by itself if it has a server.

        A folder that was restored from a copy goes on by itself too, as the same device: it gets
        what it had sent since, and what it had not sent is sent.

        Args:
            path: the folder.
            unlock: how it is unlocked.
            transport: how to reach servers; WebSockets if None.
            device_token_store: where this device keeps what tells it from a restored copy of
                itself; a file outside the folder if None. A phone's application gives storage
                that is not part of any backup.

        Raises:
            StoreMissing: there is no wallet in the folder.
            StoreBusy: another process has it open.
            UnlockFailed: the passphrase or key is wrong.
            UpdateNeeded: a newer version wrote it.
            StoreDamaged: its bytes fail their checks.
        """
        store = await asyncio.to_thread(open_store, Path(path), unlock)
        return await cls._open(Path(path), store, transport, device_token_store)

    @classmethod
    async def link(  # noqa: PLR0913 -- one value for each thing that a person or platform chooses
        cls,
        path: str | Path,
        *,
        unlock: Unlock,
        server: str,
        name: str,
        code: str | None = None,
        show: ShowCode | None = None,
        transport: Transport | None = None,
        device_token_store: DeviceTokenStore | None = None,
    ) -> "Wallet":
        """Bring a wallet onto this device from one that has it.

        Args:
            path: a folder that does not exist or is empty.
            unlock: how the wallet is unlocked on this device.
            server: the wallet's server, where the two devices meet.
            name: what the person calls this device, at most 64 bytes.
            code: the words that the other device shows.
            show: without a code: shows a QR code's text, which the other device scans.
            transport: how to reach servers; WebSockets if None.
            device_token_store: as for `open`.

        Raises:
            PairingFailed: linking did not succeed; the code is spent.
            TransportError: the server cannot be reached.
            StoreExists: there is a wallet in the folder.
            InputError: the code, the name or the address is not acceptable.
        """
        check_name(name)
        way = transport or DefaultTransport()
        store = await link_store(
            Path(path), unlock=unlock, server=server, name=name, code=code, show=show, transport=way
        )
        wallet = await cls._open(Path(path), store, way, device_token_store)
        await wallet.rename_device(wallet.status().device, name)
        return wallet

    @classmethod
    async def _open(
        cls,
        path: Path,
        store: WalletStore,
        transport: Transport | None,
        token: DeviceTokenStore | None,
    ) -> "Wallet":
        way, here = transport or DefaultTransport(), token or DeviceToken(path)
        return cls(path, await Unlocked.begin(store, way, here, path), way, here)

    def events(self) -> EventStream:
        """Return what happens from now on, in order; close it when it is no longer read."""
        return self._synchronizer.events()

    def status(self) -> Status:
        """Return how the wallet stands."""
        synchronizer = self._synchronizer
        return status_of(
            self._replica,
            is_online=synchronizer.is_online,
            last_error=synchronizer.last_error,
            pending_attachments_count=self.attachments.pending_count,
        )

    def proofs(self) -> list[Finding]:
        """Return what was found against the server or a device, the oldest first.

        Each is one event, with a proof that others can check where there can be one.
        """
        return read_findings(self._replica)

    async def connect(self, server: str, *, token: str | None = None) -> None:
        """Sync with this server from now on; a wallet that has a home stays there.

        Raises:
            InputError: the address is not acceptable, or the wallet lives elsewhere.
        """
        address = normalise_address(server)
        home = self._replica.state.home
        if home is not None and home.server.address != address:
            raise InputError(f"this wallet lives on {home.server.address}")
        where = Server(address=address, token=token)
        self._replica.put_meta(SERVER_KEY, encode_server(where))
        await self._synchronizer.committed()
        self._synchronizer.connect(where)

    async def disconnect(self) -> None:
        """Go offline until `connect` or `sync`."""
        await self._synchronizer.disconnect()

    async def sync(self, *, deadline_s: float = 30.0) -> SyncReport:
        """Go online and return when everything is in step, or at the deadline.

        Args:
            deadline_s: seconds; a phone's background task gives what the system allows it.
        """
        where = parse_server(self._replica.meta(SERVER_KEY))
        if where is None:
            reason = LocalProtocolError("this wallet has no server; `connect` gives it one")
            return SyncReport(
                is_complete=False, unsynced_count=self._replica.unsynced_count, reason=reason
            )
        self._synchronizer.connect(where)
        return await sync_all(self._synchronizer, self.attachments, deadline_s)

    async def compact(self, *, deadline_s: float = 30.0) -> bool:
        """Have a snapshot of the whole wallet on the server, though none is due.

        Snapshots are made by themselves; this is for who is about to add a device, or to leave.
        Returns whether the server holds one with which a new device may begin: False while the
        wallet is not in step, or no other device was there in time to endorse it.

        Args:
            deadline_s: seconds.
        """
        return await compact(self._synchronizer, deadline_s)

    def devices(self) -> list[Device]:
        """Return the wallet's devices in the order they joined, removed ones last."""
        return self._household.devices()

    async def rename_device(self, device: str, name: str) -> None:
        """Call a device something else.

        Raises:
            NotFound: no device has this name or id.
            InputError: the name is not acceptable.
        """
        check_name(name)
        await self._household.rename(self._household.find(device), name)

    async def link_device(self, uri: str, *, confirm: Confirm) -> Hello:
        """Link the device that shows a QR code.

        Args:
            uri: the code's text.
            confirm: is asked with the new device's name, kind and fingerprint.

        Raises:
            WrongContext: the text is not a linking code.
            PairingFailed: linking did not succeed, or was declined; the code is spent.
            TransportError: the server cannot be reached.
        """
        return await self._household.link_by_qr(uri, confirm)

    async def link_device_by_words(self, *, show: ShowCode, confirm: Confirm) -> Hello:
        """Show words, and link the device into which they are typed.

        Raises:
            PairingFailed: linking did not succeed, or was declined; the code is spent.
            TransportError: the server cannot be reached.
        """
        return await self._household.link_by_words(show, confirm)

    async def revoke(self, device: str) -> Revoked:
        """Remove a device, and rotate the keys in the same record; it gets nothing new.

        The answer says what the device could read, so that it can be issued anew.

        Args:
            device: its name, or its id or the start of it.

        Raises:
            NotFound: no device has this name or id.
            NotAuthorised: it is the last owner, this device itself, or another person's.
            TransportError: the wallet was closed before the server answered.
        """
        return await self._household.revoke(device)

    async def begin_replacement(self) -> str:
        """Ask for new keys for this device, because somebody may have a copy of it.

        Nothing changes until another device confirms them with `replace_device`; then this one
        goes on by itself, as the same device in every respect but its id, and the copy gets
        nothing new.

        Returns:
            The code to give there. Each call draws new keys, and the code before is void.

        Raises:
            AccessError: this device may not write.
            LocalProtocolError: the wallet has no server.
            StoreError: they could not be made durable.
        """
        return await self._household.ask_for_keys()

    async def replace_device(self, device: str, *, code: str) -> Revoked:
        """Confirm the new keys of another device; whoever has a copy of the old gets nothing new.

        Args:
            device: its name, or its id or the start of it.
            code: what `begin_replacement` returned there.

        Raises:
            NotFound: no device has this name or id, or it does not ask for keys with this code.
            NotAuthorised: this device may not confirm them.
            TransportError: the wallet was closed before the server answered.
        """
        return await self._household.replace(device, code)

    async def replace_this_device(self, words: str) -> Revoked:
        """Give this device new keys at once, confirmed by the recovery words.

        Raises:
            RecoveryRefused: these are not the wallet's recovery words; nothing was changed.
            LocalProtocolError: the wallet has no server.
            TransportError: the wallet was closed before the server answered.
        """
        return await self._household.replace_this(words)

    async def merge_histories(self) -> None:
        """Agree that the server's history of devices and ours become one, at the next sync.

        What either took away is then gone; see `other_history` for who that is.

        Raises:
            LocalProtocolError: there is one history only.
            NotAuthorised: this device is no owner on both.
        """
        await self._household.merge()

    async def move(
        self,
        url: str,
        options: MoveOptions | None = None,
        *,
        deadline_s: float = 300.0,
        progress: MoveProgress | None = None,
    ) -> MoveReport:
        """Move the wallet to another server, with everything; the other devices follow.

        Until the new home is in the membership chain, nothing has changed and the same call begins
        again; from then on the move goes on by itself, also after a crash, and the same call waits
        for its end. For 30 days the old server is asked too.

        Args:
            url: where to, such as `https://wallet.example.org`.
            options: see there.
            deadline_s: seconds; what is not done by then goes on by itself.
            progress: is told of each step.

        Raises:
            InputError: the address is not acceptable, or the wallet lives there already.
            LocalProtocolError: the wallet has no server yet.
            NotAuthorised: this device is no owner.
            TransportError: one of the two servers does not answer.
            ServerIdentity: the new one has another key than the one that was named.
            RegistrationClosed, LimitExceeded: the new server would not take the wallet.
            BlobMissing: an attachment cannot be brought along.
        """
        moving = self._require_unlocked().moving
        tell = progress or (lambda *_: None)
        return await moving.move(
            url, options or MoveOptions(), deadline_s=deadline_s, progress=tell
        )

    def home_code(self) -> str:
        """Return the text that tells the wallet's other devices where it lives.

        Raises:
            LocalProtocolError: it has no server yet.
        """
        return self._require_unlocked().moving.code()

    async def follow(self, code: str) -> str:
        """Go where another device's `home_code` says that the wallet lives; return the address.

        Raises:
            WrongContext: the text is no such code, or another wallet's.
            ServerIdentity: the wallet's members have not named that server.
            TransportError: it cannot be reached, or does not hold the wallet.
        """
        return await self._require_unlocked().moving.follow(code)

    async def rotate(self) -> None:
        """Begin a new epoch for the same devices.

        Raises:
            NotAuthorised: this device may not write.
            TransportError: the wallet was closed before the server answered.
        """
        await self._household.rotate()
