"""The ways to get an open store: make one, open one, or bring one from another device.

Spec: 40-wallet-document.md
"""

import asyncio
import secrets
import time
from pathlib import Path

from billfold.founding import NewReplica
from billfold.keyring import Unlock, create_key, discard_key, open_key
from billfold.pairing import Newcomer, ShowCode
from billfold.servers import SERVER_KEY, Server, encode_server
from billfold.store import PutMeta, SqlCipherStore, WalletLock, WalletStore
from billfold.transport import Transport, normalise_address
from billfold_protocol.errors import InputError, StoreError, StoreMissing
from billfold_protocol.linking import NAME_SIZE_MAX


async def link_store(
    directory: Path,
    *,
    unlock: Unlock,
    server: str,
    name: str,
    code: str | None,
    show: ShowCode | None,
    transport: Transport,
) -> WalletStore:
    """Link this device and make its store; close the transport if it does not succeed.

    Raises:
        PairingFailed, TransportError, StoreExists, InputError: see `Wallet.link`.
    """
    if (code is None) == (show is None):
        raise InputError("linking takes either a code or a way to show one")
    address = normalise_address(server)
    lock = WalletLock(directory)
    try:
        SqlCipherStore.require_absent(directory)
        # A folder or keyring that cannot be used is found while nobody has been linked yet.
        key = await asyncio.to_thread(create_key, directory, unlock, secrets.token_bytes)
        fresh = NewReplica.create(secrets.token_bytes, now_ms=now_ms())
        newcomer = Newcomer(transport, fresh.secrets, name=name, random=secrets.token_bytes)
        try:
            if code is not None:
                joined = await newcomer.by_words(address, code)
            else:
                assert show is not None
                joined = await newcomer.by_qr(address, show)
        except BaseException:
            discard_key(directory, unlock)
            raise
    except BaseException:
        lock.release()
        await transport.close()
        raise
    replica = fresh.joined(
        holder=joined.welcome.holder,
        chain=joined.chain,
        epoch_keys=joined.epoch_keys,
        heard=((joined.sponsor, joined.welcome.beacon),),
    )
    where = Server(address=joined.welcome.address)
    try:
        return await asyncio.to_thread(fill_store, directory, key, replica, where, lock)
    except StoreError as error:
        await transport.close()
        raise type(error)(
            f"{error} The other devices list this one as {name!r} already: revoke it there, "
            "then link again."
        ) from error


def check_name(name: str) -> None:
    """Check what a person calls a device.

    Raises:
        InputError: it is empty, too long or not printable.
    """
    if not name.strip() or len(name.encode()) > NAME_SIZE_MAX or not name.isprintable():
        raise InputError(f"a device's name is printable text of at most {NAME_SIZE_MAX} bytes")


def now_ms() -> int:
    """Return the clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def create_store(
    directory: Path, unlock: Unlock, replica: NewReplica, where: Server | None
) -> WalletStore:
    """Make the store of a new replica in a folder.

    Raises:
        StoreExists: there is a wallet in the folder.
        StoreError: the folder cannot be written.
    """
    lock = WalletLock(directory)
    try:
        SqlCipherStore.require_absent(directory)
        key = create_key(directory, unlock, secrets.token_bytes)
    except BaseException:
        lock.release()
        raise
    return fill_store(directory, key, replica, where, lock)


def fill_store(
    directory: Path, key: bytes, replica: NewReplica, where: Server | None, lock: WalletLock
) -> WalletStore:
    """Make the store of a new replica under its key, in a folder that is locked.

    Raises:
        StoreError: the folder cannot be written.
    """
    store = SqlCipherStore.create(directory, key, lock=lock)
    writes = replica.writes()
    if where is not None:
        writes.append(PutMeta(SERVER_KEY, encode_server(where)))
    try:
        store.commit(writes)
    except BaseException:
        store.close()
        raise
    return store


def open_store(directory: Path, unlock: Unlock) -> WalletStore:
    """Open the store in a folder.

    Raises:
        StoreMissing, StoreBusy, UnlockFailed, UpdateNeeded, StoreDamaged: see `Wallet.open`.
    """
    if not directory.is_dir():
        raise StoreMissing(f"there is no wallet in {directory}")
    lock = WalletLock(directory)
    try:
        key = open_key(directory, unlock, secrets.token_bytes)
        return SqlCipherStore.open(directory, key, lock=lock)
    except BaseException:
        lock.release()
        raise
