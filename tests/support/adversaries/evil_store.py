"""A log store whose owner rewrites it: rolled back, with rows changed, dropped or made up.

Spec: 02-threat-model.md
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace

from billfold_protocol.errors import StoreFull
from billfold_protocol.feed import parse_entry
from billfold_protocol.ids import DeviceId, EntryId, InstanceId, WalletId
from billfold_server.store import MemoryLogStore, StoredEntry, StoredWrap, Write
from billfold_server.store.memory import _Wallet
from tests.support.seeded_bytes import bytes_of

Picture = dict[WalletId, _Wallet]
"""All that a store held at one moment."""


class EvilStore(MemoryLogStore):
    """The real store in memory; a server that has loaded a wallet must forget it to see changes."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._instance_id = InstanceId(bytes_of(f"{seed}/instance", 16))
        self.is_full = False

    def commit(self, writes: Sequence[Write]) -> None:
        """Take writes, unless the disk is full."""
        if self.is_full:
            raise StoreFull("The disk has no room.")
        super().commit(writes)

    def picture(self) -> Picture:
        """Return a copy of everything."""
        with self._lock:
            return deepcopy(self._wallets)

    def roll_back(self, picture: Picture) -> None:
        """Hold what it held then."""
        with self._lock:
            self._wallets = deepcopy(picture)

    def entries(self, wallet_id: WalletId) -> list[StoredEntry]:
        """Return every entry of a wallet, in order of arrival."""
        with self._lock:
            return list(self._wallets[wallet_id].entries)

    def wraps(self, wallet_id: WalletId) -> list[StoredWrap]:
        """Return every wrapped key of a wallet."""
        with self._lock:
            return [wrap for some in self._wallets[wallet_id].wraps.values() for wrap in some]

    def change_entries(
        self, wallet_id: WalletId, change: Callable[[StoredEntry], StoredEntry | None]
    ) -> None:
        """Put another row in place of each entry's, or none; the heads stay as they are."""
        with self._lock:
            wallet = self._wallets[wallet_id]
            rows = [row for entry in wallet.entries if (row := change(entry)) is not None]
            wallet.entries = rows
            wallet.feeds = {}
            for row in sorted(rows, key=lambda row: row.seq):
                wallet.feeds.setdefault(row.feed, []).append(row)

    def plant(self, wallet_id: WalletId, raw: bytes) -> None:
        """Add an entry that nobody pushed, as the newest to arrive."""
        entry = parse_entry(raw, wallet_id).value
        with self._lock:
            wallet = self._wallets[wallet_id]
            n = wallet.tail.n + 1
            row = StoredEntry(n=n, feed=entry.feed, seq=entry.seq, entry_id=entry.id, raw=raw)
            wallet.entries.append(row)
            wallet.feeds.setdefault(row.feed, []).append(row)
            wallet.tail = replace(wallet.tail, n=n)

    def cut_chain(self, wallet_id: WalletId, length: int) -> None:
        """Forget the membership entries from an index on, with the wraps that they list."""
        with self._lock:
            wallet = self._wallets[wallet_id]
            del wallet.members[length:]
            wallet.tail = replace(wallet.tail, member_count=length)
            for device, wraps in wallet.wraps.items():
                wallet.wraps[device] = [wrap for wrap in wraps if wrap.k < length]

    def change_wraps(
        self, wallet_id: WalletId, device: DeviceId, change: Callable[[bytes], bytes]
    ) -> None:
        """Rewrite every wrapped key that is kept for a device."""
        with self._lock:
            wraps = self._wallets[wallet_id].wraps
            wraps[device] = [replace(wrap, raw=change(wrap.raw)) for wrap in wraps[device]]

    def everything(self) -> bytes:
        """Return all bytes of every row, for a search."""
        with self._lock:
            parts: list[bytes] = []
            for wallet_id, wallet in self._wallets.items():
                parts += [wallet_id, *wallet.members, *wallet.beacons.values(), *wallet.beacons]
                parts += [part for row in wallet.entries for part in (row.entry_id, row.raw)]
                parts += [wrap.raw for some in wallet.wraps.values() for wrap in some]
        return b"\n".join(parts)


def entry_ids(store: EvilStore, wallet_id: WalletId) -> list[EntryId]:
    """Return the ids of a wallet's stored entries, in order of arrival."""
    return [entry.entry_id for entry in store.entries(wallet_id)]
