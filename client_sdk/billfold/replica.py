"""A replica: one device's copy of a wallet, as a state machine with no I/O and no event loop.

It takes edits, and what the server says, and notes in its journal what must be stored, sent and
told. Between two calls it is consistent; the caller commits the journal's writes before it sends.

    edit ─► document ─► outbox ─► journal          server ─► chain, inbox ─► document ─► journal

Spec: 21-sync.md
"""

from collections.abc import Callable, Mapping, Sequence

from billfold.authoring import Author, Authored
from billfold.core import cloned_error
from billfold.document import Change, Document, Edit, MergeKinds
from billfold.events import RecordsChanged, Warned
from billfold.footing import Footing
from billfold.inbox import Inbox
from billfold.loading import load_core
from billfold.membership_news import news_of
from billfold.outbox import Outbox
from billfold.pending import Pending
from billfold.saving import Saving
from billfold.snapshots import Keeper
from billfold.store import (
    CutMembers,
    PutMember,
    WalletStore,
)
from billfold_protocol import limits
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    BillfoldError,
    DeviceRevoked,
)
from billfold_protocol.feed import Dep, Vector
from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    EpochId,
    EpochKey,
    WalletId,
)
from billfold_protocol.key_hierarchy import open_wrap
from billfold_protocol.membership import (
    Home,
    MembershipChain,
    MembershipState,
    Target,
    listed_wraps,
    wrap_hash,
)


class Replica:
    """One device's copy of one wallet."""

    def __init__(
        self,
        store: WalletStore,
        *,
        now_ms: Callable[[], int],
        random: RandomBytes,
        merge_kinds: MergeKinds,
    ) -> None:
        """Open what a store holds.

        Args:
            store: read here; the caller commits what the journal says.
            now_ms: the clock, in milliseconds since 1970; advisory.
            random: the source of random bytes.
            merge_kinds: how fields merge.

        Raises:
            StoreDamaged: the store's bytes fail their checks.
            UpdateNeeded: a newer version wrote the store.
        """
        loaded = load_core(store, now_ms=now_ms, random=random, merge_kinds=merge_kinds)
        state = loaded.state
        self.core = loaded.core
        self.journal = self.core.journal
        self._names = self.core.names
        self._saving = Saving(self.core, state)
        self._outbox = Outbox(
            self.core,
            pending=state.pending,
            meta=state.meta,
        )
        self._inbox = Inbox(self.core)
        self._inbox.restore(loaded.unopened)
        self._footing = Footing(
            self.core,
            self._inbox,
            self._outbox,
            merge_kinds,
            is_elsewhere=loaded.is_elsewhere,
        )
        self.snapshots = Keeper(self.core, self._inbox, self._outbox, merge_kinds, state.meta)

    @property
    def wallet_id(self) -> WalletId:
        """The wallet."""
        return self.core.wallet_id

    @property
    def document(self) -> Document:
        """The wallet's records; read only."""
        return self.core.document

    @property
    def state(self) -> MembershipState:
        """The membership as this device knows it."""
        return self.core.chain.state

    @property
    def is_removed(self) -> bool:
        """Whether this device was revoked."""
        return self.core.member is None

    @property
    def is_leaving(self) -> bool:
        """Whether this replica must be opened anew after the next commit, to write a new feed."""
        return self._footing.is_leaving

    @property
    def is_provisional(self) -> bool:
        """Whether local changes may yet be made anew: a restored copy has not caught up."""
        return not self._outbox.is_opened

    @property
    def unsynced_count(self) -> int:
        """Local edits and entries that the server has not acknowledged."""
        return self._outbox.pending_count + self._outbox.unacked_count

    @property
    def pending(self) -> Sequence[Pending]:
        """The local edits that no entry carries yet, in order."""
        return self._outbox.pending

    @property
    def unacked_raws(self) -> list[bytes]:
        """The own entries that the server has not acknowledged, in order."""
        return self._outbox.unacked_raws

    @property
    def pending_count(self) -> int:
        """Local edits that no entry carries yet."""
        return self._outbox.pending_count

    @property
    def has_due(self) -> bool:
        """Whether there is something that the server has not been sent."""
        outbox = self._outbox
        has_unsent = outbox.pending_count > 0 or outbox.unacked_count > outbox.in_flight_count
        return has_unsent or self.is_leaving or outbox.is_alarm_due

    @property
    def waiting_count(self) -> int:
        """Entries that wait for something they name, or for a key."""
        return self.core.graph.waiting_count + self._inbox.unopened_count

    @property
    def quarantined_count(self) -> int:
        """Entries and changes that are set aside."""
        return len(self.core.quarantined) + len(self.core.document.set_aside)

    @property
    def vector(self) -> Vector:
        """The heads of all feeds that are here."""
        return self.core.graph.vector

    def vector_on_server(self) -> Vector:
        """Return the vector without the own entries that the server has not acknowledged.

        Of forked feeds nothing is said: a server holds one branch, and it need not be that here.
        """
        graph = self.core.graph
        vector = {feed: head for feed, head in graph.vector.items() if not graph.is_forked(feed)}
        for feed, first in self._outbox.first_unacked.items():
            if feed in vector:
                del vector[feed]
                if isinstance(first.prev, bytes):
                    vector[feed] = (first.seq - 1, first.prev)
        return vector

    def state_hash(self) -> bytes:
        """Return 32 bytes that are equal on two devices when and only when their wallets are."""
        return self.core.document.state_hash(self.core.quarantined)

    def edit(self, edits: Sequence[Edit]) -> Change | None:
        """Make edits as one change; None if they change nothing. Durable after the next commit.

        Raises:
            DeviceRevoked: this device was revoked.
            NotAuthorised: this device may not write.
            WalletClosed: the wallet has ended.
            InputError, LimitExceeded: an edit is not possible.
        """
        core = self.core
        self.require_right_to_write()
        change = core.document.change(edits, time_ms=max(0, core.now_ms()))
        if change is None:
            return None
        self._outbox.add(change.raw, edits)
        core.tell(RecordsChanged(fields=change.touched, device=core.device_id, is_local=True))
        return change

    def require_right_to_write(self) -> None:
        """Check that this device may change the wallet now.

        Raises:
            DeviceRevoked: this device was revoked.
            NotAuthorised: this device may not write.
            WalletClosed: the wallet has ended.
        """
        self.core.require_right_to_write()

    def prepare(self, *, room: int | None, is_bulk: bool = False) -> None:
        """Note the writes for the next commit and, with `room`, what is pushed after it.

        Args:
            room: bytes that may be pushed now, or None while there is no live subscription.
            is_bulk: whether many edits wait, so that entries may be as large as allowed.

        Raises:
            StoreDamaged: an entry is missing from the store, or damaged.
        """
        footing = self._footing
        footing.rebuild_if_needed()
        if room is not None and footing.may_seal:
            footing.before_sealing()
            if self._outbox.in_flight_count < IN_FLIGHT_COUNT_MAX:
                size_max = (
                    limits.ENTRY_PLAINTEXT_SIZE_MAX - 1024
                    if is_bulk
                    else limits.LIVE_ENTRY_PLAINTEXT_SIZE_MAX
                )
                sealed = self._outbox.seal(size_max)
                while is_bulk and sealed:
                    sealed = self._outbox.seal(size_max)
            self._outbox.due(room)
            footing.after_sealing()
            # What was sealed again may speak for another branch of a fork than before.
            footing.rebuild_if_needed()
        self._outbox.store_pending()
        self.snapshots.prepare(is_live=room is not None)
        self._saving.save_if_long(has_pending=self._outbox.pending_count > 0)

    def receive_members(self, k: int, raws: Sequence[bytes]) -> None:
        """Take membership entries that begin at index `k`; known ones too.

        Raises:
            ChainFork: the server shows another entry where this device holds one.
            VerificationError, AccessError, Malformed: an entry may not stand in the chain.
        """
        core = self.core
        grew = False
        try:
            for index, raw in enumerate(raws, start=k):
                before = core.chain.state
                state = core.chain.append(raw)
                if state is not None:
                    grew = True
                    core.write(PutMember(index, raw))
                    self._tell_membership(before, index)
        finally:
            if grew:
                self._chain_grew()

    def replace_chain(self, chain: MembershipChain, keys: Mapping[EpochId, EpochKey]) -> None:
        """Go on with a chain that holds this one's newest entry on a branch that it merged.

        Args:
            chain: the new chain.
            keys: keys of epochs on the other branch.

        Raises:
            ChainFork: it leaves out what this device holds.
        """
        core = self.core
        held = list(core.chain.raws)
        core.chain.become(chain)
        pairs = zip(held, chain.raws, strict=False)
        same = next((k for k, (a, b) in enumerate(pairs) if a[64:] != b[64:]), len(held))
        core.write(CutMembers(same))
        core.write(*(PutMember(k, raw) for k, raw in enumerate(chain.raws) if k >= same))
        for epoch, key in keys.items():
            core.keep_key(epoch, key)
        self._chain_grew()

    def receive_wraps(self, wraps: Sequence[tuple[int, DeviceId, bytes]]) -> None:
        """Take wrapped epoch keys; one that does not open is a warning, not an end."""
        core = self.core
        for k, device, wrapped in wraps:
            if device != core.device_id or not 0 < k < len(core.chain):
                continue
            try:
                epoch, key = open_wrap(core.chain, k, device, core.secrets.unwrapping_key, wrapped)
                core.keep_key(epoch, key)
            except BillfoldError as error:
                if listed_wraps(core.chain, k).get(device) == wrap_hash(wrapped):
                    core.unopened_epochs.add(core.chain.state_at(k).epoch.id)
                core.tell(Warned(error))
        self._keys_came()

    def receive_entries(self, raws: Sequence[bytes]) -> None:
        """Take feed entries in any order, known ones too; only a signed ack acknowledges.

        Raises:
            DeviceCloned: another copy of this device writes its feed; this one leaves it, and
                takes the entries when they come again.
        """
        self._inbox.receive(raws)
        alien = self._inbox.alien
        if alien is not None:
            self._footing.leave_feed(alien)
            raise cloned_error(self.core.device_id, is_this=True)

    def acked(self, ids: Sequence[EntryId]) -> Dep | None:
        """Take note that own entries are durable on the server; return the newest of them."""
        return self._outbox.acked(ids)

    def resend(self, ids: Sequence[EntryId] | None = None) -> bool:
        """Send own unacknowledged entries again, some or all, with the next `prepare`.

        Returns whether there are any.
        """
        return self._outbox.lost(ids)

    def refused_as_fork(self, ids: Sequence[EntryId]) -> None:
        """Take note that a server holds other entries at the places of some own ones."""
        self._footing.refused_as_fork(ids)

    def author(self) -> Author:
        """Return what it takes to make the membership entry that may follow now.

        Raises:
            DeviceRevoked: this device was revoked.
        """
        core = self.core
        if core.member is None:
            raise DeviceRevoked("this device was revoked from the wallet")
        return Author(
            secrets=core.secrets,
            chain=core.chain,
            epoch_keys=core.epoch_keys,
            graph=core.graph,
            random=core.random,
            time_s=max(0, core.now_ms() // 1000),
        )

    def check_revoke(self, target: Target) -> None:
        """Check, before a server is asked, that this device may revoke somebody.

        Raises:
            BillfoldError: it may not, and why.
        """
        self.state.check_revoke(self.core.device_id, target)

    def set_home(self, home: Home) -> None:
        """Name the wallet's first server; no server needs to be reachable."""
        authored = self.author().home(home)
        self.receive_members(len(self.core.chain), [authored.raw])

    def adopt(self, authored: Authored) -> None:
        """Take an own membership entry that the server has appended."""
        self.receive_members(len(self.core.chain), [authored.raw])
        self.receive_wraps(authored.wraps)

    def meta(self, key: str) -> bytes | None:
        """Return a named value, or None."""
        return self._names.meta(key)

    def meta_keys(self, prefix: str) -> list[str]:
        """Return the names that begin so, sorted."""
        return self._names.meta_keys(prefix)

    def put_meta(self, key: str, value: bytes | None) -> None:
        """Note a named value for the store, or with None its removal."""
        self._names.put_meta(key, value)

    def _chain_grew(self) -> None:
        self._inbox.chain_grew()
        self._keys_came()

    def _keys_came(self) -> None:
        self._inbox.keys_came()
        self._footing.settle()

    def _tell_membership(self, before: MembershipState, k: int) -> None:
        core = self.core
        entry, after = core.chain.entries[k], core.chain.state_at(k)
        for event in news_of(entry, before, after, core.device_id):
            core.tell(event)


IN_FLIGHT_COUNT_MAX = 2
"""Entries on their way while more are sealed: what comes meanwhile is coalesced."""
