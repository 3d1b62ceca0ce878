"""The mailboxes in use, as they will be once everything staged is durable.

Spec: 26-channels.md
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from billfold_protocol.ids import MailboxAddress, WalletId
from billfold_protocol.messages import MailboxState, TellMailbox
from billfold_server.hub import Hub
from billfold_server.store import LogStore, StoredMail, StoredMailbox


@dataclass(slots=True)
class Row:
    """One mailbox."""

    kept: StoredMailbox
    """Staged writes included."""

    durable_last: int
    durable_replies_last: int
    is_durable: bool = True
    """Whether the mailbox itself is in the store."""

    staged_mail: dict[bytes, StoredMail] = field(default_factory=dict)
    """Messages on their way to the disk, by the hash of their bytes."""

    staged_replies: dict[bytes, bytes] = field(default_factory=dict)
    """Likewise replies: what each is about, and the hash of its bytes."""

    @property
    def address(self) -> MailboxAddress:
        """Where it is."""
        return self.kept.address

    @property
    def state(self) -> MailboxState:
        """What a wallet's devices are told of it."""
        return MailboxState(
            address=self.kept.address,
            is_open=self.kept.closed_s is None,
            last=self.durable_last,
            merged=self.kept.merged,
        )


@dataclass(slots=True)
class WalletRows:
    """The mailboxes of one wallet."""

    rows: dict[MailboxAddress, Row]
    staged_count: int = 0
    """Steps on their way to the disk."""

    is_stale: bool = False
    """Whether the sizes here are larger than what is stored; they are read again when idle."""

    def get(self, address: MailboxAddress) -> Row | None:
        """Return one mailbox, or None."""
        return self.rows.get(address)

    def __iter__(self) -> Iterator[Row]:
        """Go through them by address."""
        return iter([self.rows[address] for address in sorted(self.rows)])

    @property
    def size(self) -> int:
        """Bytes that lie in all of them, in both directions."""
        return sum(row.kept.size + row.kept.replies_size for row in self.rows.values())


class MailboxRows:
    """Loads the mailboxes of a wallet when somebody asks, and forgets them when idle."""

    def __init__(self, store: LogStore, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self._wallets: dict[WalletId, WalletRows] = {}
        self._owners: dict[MailboxAddress, WalletId] = {}
        """Of the mailboxes in memory, also of those that are not durable yet."""

    def owner_of(self, address: MailboxAddress) -> WalletId | None:
        """Return whose mailbox an address is, or None.

        Raises:
            StoreError: the store is closed or damaged.
        """
        return self._owners.get(address) or self._store.mail.find_wallet(address)

    def of(self, wallet_id: WalletId) -> WalletRows:
        """Return the mailboxes of a wallet.

        Raises:
            StoreError: the store is closed or damaged.
        """
        found = self._wallets.get(wallet_id)
        if found is None:
            kept = self._store.mail.mailboxes(wallet_id)
            rows = {one.address: Row(one, one.last, one.replies_last) for one in kept}
            found = self._wallets[wallet_id] = WalletRows(rows)
            self._owners.update(dict.fromkeys(rows, wallet_id))
        return found

    def add(self, wallet_id: WalletId, row: Row) -> None:
        """Take a new mailbox, whose address nobody else has."""
        self.of(wallet_id).rows[row.address] = row
        self._owners[row.address] = wallet_id

    def size_of(self, wallet_id: WalletId) -> int:
        """Return the bytes in all mailboxes of a wallet."""
        return self.of(wallet_id).size

    def tell_all(self, wallet_id: WalletId, row: Row) -> None:
        """Tell a wallet's devices how a mailbox stands."""
        for peer, _ in self._hub.listeners(wallet_id):
            peer.send(TellMailbox(wallet_id=wallet_id, news=row.state))

    def around(self, wallet_id: WalletId, done: Callable[[], None]) -> Callable[[], None]:
        """Return what follows when a step of a wallet is durable."""

        def settle() -> None:
            done()
            found = self._wallets.get(wallet_id)
            if found is not None:
                found.staged_count -= 1
                self.forget_if_idle(wallet_id)

        return settle

    def around_failure(self, wallet_id: WalletId, failed: Callable[[], None]) -> Callable[[], None]:
        """Return what follows when the store did not take a step of a wallet."""

        def undo() -> None:
            self._forget(wallet_id)
            failed()

        return undo

    def forget_if_idle(self, wallet_id: WalletId) -> None:
        """Drop a wallet's mailboxes from memory when nothing is staged and nobody listens."""
        found = self._wallets.get(wallet_id)
        if found is None or found.staged_count > 0:
            return
        if found.is_stale or not self._hub.has_listeners(wallet_id):
            self._forget(wallet_id)

    def _forget(self, wallet_id: WalletId) -> None:
        found = self._wallets.pop(wallet_id, None)
        for address in () if found is None else found.rows:
            self._owners.pop(address, None)
