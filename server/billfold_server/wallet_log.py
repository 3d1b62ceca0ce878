"""One wallet as the relay judges it: its chain, the heads of its feeds, what it may still store.

The rules of what a server takes: a `push` must continue its author's feed under the current epoch;
an `offer` must count under the membership entry it names; a membership entry must follow the
newest one. State here runs ahead of the store by what is staged and not yet committed.

Spec: 21-sync.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed
from billfold_protocol.errors import BillfoldError, ChainFork
from billfold_protocol.feed import Entry, Opening, Reason, Vector, verify_entry
from billfold_protocol.ids import ChainHead, DeviceId, EntryId, FeedId, ServerKey, WalletId
from billfold_protocol.membership import (
    DeviceKeys,
    MembershipChain,
    MembershipState,
    listed_wraps,
    wrap_hash,
)
from billfold_protocol.membership.entries import parse as parse_membership_entry
from billfold_protocol.messages import Register
from billfold_protocol.snapshot import Covered
from billfold_server.holes import FindEntry, Holes
from billfold_server.snapshots import Shelf
from billfold_server.store import (
    FeedHead,
    LogStore,
    Run,
    StoredEntry,
    StoredMember,
    StoredWrap,
    WalletLog,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """The entry is new and continues its feed."""

    entry: StoredEntry


@dataclass(frozen=True, slots=True)
class Known:
    """The entry is stored already; it is acknowledged again."""


Verdict = Taken | Known | Reason


class ActiveWallet:
    """The judged state of one wallet, while somebody uses it."""

    def __init__(
        self, log: WalletLog, find: FindEntry, runs: Mapping[FeedId, Sequence[Run]]
    ) -> None:
        """Load a wallet; its chain is verified again.

        Args:
            log: what is stored of it.
            find: looks up one of its entries.
            runs: what is held of each feed, ascending.
        """
        self.chain = MembershipChain.load(log.members)
        self.shelf = Shelf(log.wallet_id, log.snapshots, log.endorsements)
        """The wallet's snapshots."""

        self._holes = Holes(log.wallet_id, find)
        self.heads = self._holes.trim(log.heads, runs, self.shelf.pruned_at)
        """The newest entry of each feed, as far as nothing of it is missing."""

        # A snapshot that was given back to this server has taken a number that no entry has.
        self.n = self.durable_n = max(log.n, self.shelf.newest_n)
        self.durable_vector: dict[FeedId, tuple[int, EntryId]] = dict(self.vector)
        """The heads of all feeds that are durable."""

        self._durable_k = self.chain.state.k
        self.size = log.size
        self.beacons = dict(log.beacons)
        self.staged_count = 0
        """Commits under way that hold writes of this wallet."""

        self._find = find
        self._staged_ids: dict[tuple[FeedId, int], EntryId] = {}
        self._staged_heads: dict[tuple[FeedId, int], FeedHead] = {}

    @property
    def wallet_id(self) -> WalletId:
        """The wallet."""
        return self.chain.wallet_id

    @property
    def state(self) -> MembershipState:
        """The membership, staged entries included."""
        return self.chain.state

    @property
    def durable_state(self) -> MembershipState:
        """The membership that is durable."""
        return self.chain.state_at(self._durable_k)

    def lives_on(self, key: ServerKey) -> bool:
        """Whether the membership names a server as the wallet's home, or none at all."""
        home = self.state.home
        return home is None or home.server.key == key

    def durable_keys_of(self, device: DeviceId) -> DeviceKeys | None:
        """Return the keys of a device that is or was a member by what is durable."""
        state = self.durable_state
        is_known = device in state.members or device in state.removed
        return self.chain.keys_of(device) if is_known else None

    @property
    def vector(self) -> Vector:
        """The heads of all feeds."""
        return {feed: (head.seq, head.entry_id) for feed, head in self.heads.items()}

    def judge_push(self, device: DeviceId, signed: Signed[Entry], *, size_max: int) -> Verdict:
        """Judge an author's own entry, whose connection has proved who the author is.

        The signature is not checked: a wrong one harms the author's own feed only, and every
        device checks it.
        """
        entry, state = signed.value, self.state
        owner = self._owner(entry)
        if owner is not None and owner != device:
            return Reason.ROLE
        if self._is_stored(entry):
            return Known()
        member = state.members.get(device)
        if member is None:
            return Reason.REVOKED if device in state.removed else Reason.NOT_MEMBER
        if not member.may_write:
            return Reason.ROLE
        if state.is_closed:
            return Reason.CLOSED
        if entry.epoch != state.epoch.id or entry.document != state.document:
            return Reason.STALE_EPOCH
        reason = self._judge_membership(device, entry)
        return reason or self._judge_place(device, signed, size_max)

    def judge_offer(self, signed: Signed[Entry], *, size_max: int) -> Verdict:
        """Judge an entry of any feed: its signature, and its right at its own membership entry."""
        entry = signed.value
        if self._is_stored(entry):
            return Known()
        device = self._owner(entry)
        if device is None:
            return Reason.NOT_NEXT
        reason = self._judge_membership(device, entry)
        if reason is not None:
            return reason
        keys = self.chain.keys_of(device)
        assert keys is not None, "it is a member of a state of this chain"
        try:
            verify_entry(signed, self.wallet_id, keys.signing)
        except BillfoldError:
            return Reason.INVALID
        return self._judge_place(device, signed, size_max)

    def take(self, entry: StoredEntry, device: DeviceId, k: int) -> None:
        """Go on from an entry that was judged and will be committed."""
        self.n = entry.n
        self.size += len(entry.raw)
        own = FeedHead(seq=entry.seq, entry_id=entry.entry_id, device=device, k=k)
        head = self.heads[entry.feed] = self.passed(entry.feed, own)
        self._staged_heads[entry.feed, entry.seq] = head
        self._staged_ids[entry.feed, entry.seq] = entry.entry_id

    def passed(self, feed: FeedId, head: FeedHead) -> FeedHead:
        """Return a feed's head after a new one: further on where that closes a hole."""
        return self._holes.passed(feed, head)

    def look(self, heads: Mapping[FeedId, FeedHead], runs: Mapping[FeedId, Sequence[Run]]) -> None:
        """See whether the store has lost anything since; nothing may be on its way to it."""
        if self.staged_count == 0:
            self.heads = self._holes.trim(heads, runs, self.shelf.pruned_at)
            self.durable_vector = dict(self.vector)

    def settle(self, entries: Sequence[StoredEntry]) -> None:
        """Take note that entries are durable."""
        for entry in entries:
            self._staged_ids.pop((entry.feed, entry.seq), None)
            self.durable_n = entry.n
            head = self._staged_heads.pop((entry.feed, entry.seq))
            self.durable_vector[entry.feed] = (head.seq, head.entry_id)

    def first_missing_k(self, k: int, head: ChainHead) -> int:
        """Return the index from which on a peer that stops at this state is sent the chain.

        That is from its beginning where the state is unknown here: the peer sees the fork itself.
        """
        return 0 if k < 0 else self.chain.continuation_of(k, head) or 0

    def holds(self, feed: FeedId, covered: Covered) -> bool:
        """Whether a feed here has this entry, which a snapshot covers."""
        head = self.heads.get(feed)
        if head is None or head.device != covered.device or covered.seq > head.seq:
            return False
        known = head.entry_id if covered.seq == head.seq else self._id_at(feed, covered.seq)
        return known == covered.id

    def number_of(self, feed: FeedId, seq: int) -> int | None:
        """Return the arrival number of an entry; None if it is not durable, or held no more."""
        found = self._find(feed, seq)
        return None if found is None else found.n

    def pruned(self, size: int) -> None:
        """Take note that so many bytes of entries are held no more."""
        self.size -= size

    def settle_member(self, k: int) -> None:
        """Take note that a membership entry is durable."""
        self._durable_k = k

    def follows(self, raw: bytes) -> bool:
        """Whether a membership entry names the newest one here as the one before.

        Raises:
            Malformed, Downgrade: it is no membership entry.
        """
        return parse_membership_entry(raw).value.previous == self.state.hash

    def append(
        self, raw: bytes, wraps: Sequence[tuple[int, DeviceId, bytes]]
    ) -> tuple[StoredMember, tuple[StoredWrap, ...]] | None:
        """Append a membership entry with its wraps; None if it is held already.

        A device that offers an entry again, to a server that lost it, has its own wrap only.

        Raises:
            BillfoldError: the entry may not follow, or its wraps are not the listed ones.
        """
        state = self.chain.append(raw)
        if state is None:
            return None
        listed = listed_wraps(self.chain, state.k)
        given = {device: wrapped for k, device, wrapped in wraps if k == state.k}
        if any(listed.get(device) != wrap_hash(wrapped) for device, wrapped in given.items()):
            self.chain.undo()
            raise ChainFork("a wrap is not one that the membership entry lists")
        stored = tuple(
            StoredWrap(k=state.k, device=device, raw=wrapped)
            for device, wrapped in sorted(given.items())
        )
        self.size += len(raw) + sum(len(wrap.raw) for wrap in stored)
        return StoredMember(k=state.k, raw=raw), stored

    def owner_of(self, entry: Entry) -> DeviceId:
        """Return the device of an entry that was judged."""
        owner = self._owner(entry)
        assert owner is not None
        return owner

    def _owner(self, entry: Entry) -> DeviceId | None:
        head = self.heads.get(entry.feed)
        if head is not None:
            return head.device
        return entry.prev.device if isinstance(entry.prev, Opening) else None

    def _is_stored(self, entry: Entry) -> bool:
        head = self.heads.get(entry.feed)
        if head is None or entry.seq > head.seq:
            return self._holes.holds(entry)
        if entry.seq == head.seq:
            return entry.id == head.entry_id
        return entry.id == self._id_at(entry.feed, entry.seq)

    def _id_at(self, feed: FeedId, seq: int) -> EntryId | None:
        """Return the id of an entry that is held, or of the last that is held no more."""
        pruned = self.shelf.pruned_at(feed)
        if pruned is not None and pruned.seq == seq:
            return pruned.id
        staged = self._staged_ids.get((feed, seq))
        found = None if staged else self._find(feed, seq)
        return found.entry_id if found else staged

    def _is_pruned(self, entry: Entry) -> bool:
        pruned = self.shelf.pruned_at(entry.feed)
        return pruned is not None and entry.seq < pruned.seq

    def _judge_membership(self, device: DeviceId, entry: Entry) -> Reason | None:
        """Check the membership entry that a feed entry names."""
        try:
            state = self.chain.find(entry.k, entry.head)
        except ChainFork:
            return Reason.STALE_CHAIN
        if state is None:
            return Reason.STALE_CHAIN
        member = state.members.get(device)
        if member is None:
            return Reason.NOT_MEMBER
        if not member.may_write:
            return Reason.ROLE
        if entry.epoch != state.epoch.id or entry.document != state.document:
            return Reason.STALE_EPOCH
        return None

    def _judge_place(self, device: DeviceId, signed: Signed[Entry], size_max: int) -> Verdict:
        """Check that an entry continues its feed and that there is room."""
        entry, head = signed.value, self.heads.get(signed.value.feed)
        if head is None:
            if not isinstance(entry.prev, Opening) or entry.prev.device != device:
                return Reason.NOT_NEXT
            if len(self.heads) >= limits.FEEDS_COUNT_MAX:
                return Reason.LIMIT
        elif self._is_pruned(entry):
            # It may be the very entry that was held here: nobody can tell any more.
            return Reason.PRUNED
        elif entry.seq <= head.seq:
            return Reason.FORK
        elif entry.seq != head.seq + 1 or entry.prev != head.entry_id:
            return Reason.NOT_NEXT
        if not self._holes.fits(entry):
            return Reason.FORK
        raw = signed.raw
        if self.size + self.shelf.size + len(raw) > size_max:
            return Reason.QUOTA
        return Taken(
            StoredEntry(n=self.n + 1, feed=entry.feed, seq=entry.seq, entry_id=entry.id, raw=raw)
        )


class Wallets:
    """The wallets that are in use, loaded when the first peer asks for them."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._active: dict[WalletId, ActiveWallet] = {}

    def find(self, wallet_id: WalletId) -> ActiveWallet | None:
        """Return a wallet, loading it if need be, or None if the store has never seen it.

        Raises:
            StoreError: the store is closed or damaged.
        """
        wallet = self._active.get(wallet_id)
        if wallet is None:
            log = self._store.load_wallet(wallet_id)
            if log is None:
                return None

            find = partial(self._store.find_entry, wallet_id)
            runs = self._store.read_runs(wallet_id)
            wallet = self._active[wallet_id] = ActiveWallet(log, find, runs)
        return wallet

    def get(self, wallet_id: WalletId) -> ActiveWallet | None:
        """Return a wallet if it is loaded."""
        return self._active.get(wallet_id)

    def require(self, wallet_id: WalletId) -> ActiveWallet:
        """Return a wallet that somebody is subscribed to."""
        return self._active[wallet_id]

    def forget(self, wallet_id: WalletId) -> None:
        """Drop a wallet from memory; it is loaded again when asked for."""
        self._active.pop(wallet_id, None)


def check_registration(message: Register) -> tuple[MembershipChain, tuple[StoredWrap, ...]]:
    """Verify the chain and the wraps of a wallet that is new here.

    Raises:
        BillfoldError: the chain does not verify, is another wallet's, or a wrap is not listed.
    """
    chain = MembershipChain.load(message.members)
    if chain.wallet_id != message.wallet_id:
        raise ChainFork("the chain is another wallet's")
    wraps = []
    if len({(k, device) for k, device, _ in message.wraps}) < len(message.wraps):
        raise ChainFork("a device has one wrap for each epoch")
    for k, device, wrapped in message.wraps:
        if k >= len(chain) or listed_wraps(chain, k).get(device) != wrap_hash(wrapped):
            raise ChainFork("a wrap is not one that the chain lists")
        wraps.append(StoredWrap(k=k, device=device, raw=wrapped))
    return chain, tuple(wraps)
