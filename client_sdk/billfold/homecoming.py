"""Bringing a wallet back onto a bare device, by the recovery words, two shares of them, or the kit.

Spec: 24-recovery.md
"""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path

from billfold.founding import NewReplica
from billfold.keyring import Unlock, create_key, discard_key
from billfold.opening import check_name, fill_store, now_ms
from billfold.recovering import Attempt, Recovered
from billfold.recovery_kit import read_kit
from billfold.recovery_words import find_seed
from billfold.restoring import DeviceTokenStore
from billfold.servers import Server
from billfold.store import SqlCipherStore, WalletLock
from billfold.transport import Transport, WebSocketTransport, normalise_address
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError
from billfold_protocol.recovery import RecoveryKeys, RecoveryKit


async def recover_wallet(  # noqa: PLR0913 -- one value for each thing that a person has or chooses
    path: str | Path,
    *,
    unlock: Unlock,
    key: str | Sequence[str] | None = None,
    server: str | None = None,
    kit: str | None = None,
    name: str | None = None,
    transport: Transport | None = None,
    device_token_store: DeviceTokenStore | None = None,
) -> Wallet:
    """Bring a wallet back onto a bare device by its recovery key, with all that is in it.

    Every other device shows that it was done; `revoke` then removes the lost ones.

    Args:
        path: a folder that does not exist or is empty.
        unlock: how the wallet is unlocked on this device.
        key: the 24 words, or two shares; None if the kit holds the words.
        server: the wallet's server; None for the one of the kit.
        kit: the recovery kit's page or code, which tells whether the wallet is the newest.
        name: what the person calls this device, at most 64 bytes; its id if None.
        transport: how to reach servers; WebSockets if None.
        device_token_store: as for `Wallet.open`.

    Raises:
        RecoveryRefused: no wallet there belongs to the words; nothing was changed.
        VerificationError: what the server says does not match the recovery key.
        TransportError: the server cannot be reached.
        StoreExists: there is a wallet in the folder.
        InputError: the name or the address is not acceptable.
    """
    if name is not None:
        check_name(name)
    printed = None if kit is None else read_kit(kit)
    where = server or (None if printed is None else printed.address)
    if where is None:
        raise InputError("recovering takes the server's address, or the kit that names it")
    keys = RecoveryKeys(find_seed(key, printed))
    found = await _make_store(Path(path), unlock, keys, printed, where, transport)
    wallet = await Wallet.open(
        path, unlock=unlock, transport=transport, device_token_store=device_token_store
    )
    try:
        report = await wallet.sync()
        wallet.recovery.hold_against(found, printed, is_complete=report.is_complete)
        if name is not None:
            await wallet.rename_device(wallet.status().device, name)
    except BaseException:
        await wallet.close()
        raise
    return wallet


async def _make_store(
    directory: Path,
    unlock: Unlock,
    keys: RecoveryKeys,
    kit: RecoveryKit | None,
    where: str,
    transport: Transport | None,
) -> Recovered:
    """Link this device by the recovery member, and make its store."""
    address, way = normalise_address(where), transport or WebSocketTransport()
    lock = WalletLock(directory)
    try:
        SqlCipherStore.require_absent(directory)
        # A folder or keyring that cannot be used is found while nothing has been linked yet.
        key = await asyncio.to_thread(create_key, directory, unlock, secrets.token_bytes)
        fresh = NewReplica.create(secrets.token_bytes, now_ms=now_ms())
        attempt = Attempt(
            keys=keys,
            secrets=fresh.secrets,
            kit=kit,
            random=secrets.token_bytes,
            now_s=lambda: max(0, now_ms() // 1000),
        )
        try:
            found = await attempt.run(way, address)
        except BaseException:
            discard_key(directory, unlock)
            raise
    except BaseException:
        lock.release()
        raise
    finally:
        if transport is None:
            await way.close()
    replica = fresh.joined(holder=found.holder, chain=found.chain, epoch_keys=found.epoch_keys)
    home = Server(address=found.address)
    store = await asyncio.to_thread(fill_store, directory, key, replica, home, lock)
    store.close()
    return found
