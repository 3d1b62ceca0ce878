"""What the parts of a replica share: keys, chain, feeds, document, and the journal of what is due.

Spec: 21-sync.md
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from billfold.device import DeviceSecrets
from billfold.document import Document, SetAside
from billfold.events import Event, Warned
from billfold.journal import Journal
from billfold.named_values import NamedValues
from billfold.store import (
    EntryStatus,
    PutEpochKey,
    PutQuarantined,
    SetStatus,
    WalletStore,
    Write,
)
from billfold.succession import Succession
from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.envelope import Content, RandomBytes, can_open, open_entry
from billfold_protocol.errors import (
    BillfoldError,
    DeviceCloned,
    DeviceRevoked,
    LimitExceeded,
    Malformed,
    NotAuthorised,
    PeerPoison,
    Quarantined,
    RemoteProtocolError,
    StoreDamaged,
    VerificationError,
    WalletClosed,
)
from billfold_protocol.feed import (
    Dep,
    Entry,
    FeedGraph,
    Opening,
    Outcome,
    parse_entry,
    verify_entry,
)
from billfold_protocol.ids import DeviceId, EpochId, EpochKey, FeedId, HolderId, WalletId
from billfold_protocol.key_hierarchy import open_back_links
from billfold_protocol.membership import Member, MembershipChain
from billfold_protocol.snapshot import Snapshot


@dataclass(slots=True, kw_only=True)
class Core:
    """One device's copy of one wallet, in memory."""

    store: WalletStore
    """Read from here only; the caller commits what the journal says."""

    secrets: DeviceSecrets
    holder: HolderId
    chain: MembershipChain
    epoch_keys: dict[EpochId, EpochKey]
    feed_salt: bytes
    feed: FeedId
    """The feed of this device and its salt."""

    own_feeds: set[FeedId]
    """All feeds of this device, the present one too."""

    graph: FeedGraph
    succession: Succession
    document: Document
    quarantined: set[bytes]
    """Ids of entries whose content is set aside as a whole."""

    base: Snapshot | None
    """The snapshot that this replica stands on: what it covers is not held entry by entry."""

    now_ms: Callable[[], int]
    random: RandomBytes
    names: NamedValues
    successor: DeviceSecrets | None = None
    """New keys that this device has asked for, until another member confirms them."""

    journal: Journal = field(default_factory=Journal)
    is_rebuild_due: bool = False
    """Whether entries that the document holds do not count any more, because of a fork."""

    fallen: list[Dep] = field(default_factory=list)
    """Own entries among them, whose edits are made anew."""

    unopened_epochs: set[EpochId] = field(default_factory=set)
    """Epochs of which the wrap that the chain lists for this device does not open."""

    lacking: tuple[EpochId, bool, int] | None = None
    """The epoch whose key did not come, whether this device has complained, and since when."""

    _bad_back_links: set[int] = field(default_factory=set)

    @property
    def wallet_id(self) -> WalletId:
        """The wallet."""
        return self.chain.wallet_id

    @property
    def device_id(self) -> DeviceId:
        """This device."""
        return self.secrets.device_id

    @property
    def member(self) -> Member | None:
        """This device as a member, or None once it is revoked."""
        return self.chain.state.members.get(self.device_id)

    @property
    def may_write(self) -> bool:
        """Whether entries of this device count now."""
        member = self.member
        return member is not None and member.may_write and not self.chain.state.is_closed

    @property
    def is_reader(self) -> bool:
        """Whether this device is a member and no entry of it would count now."""
        return self.member is not None and not self.may_write

    @property
    def epoch_key(self) -> EpochKey | None:
        """The key of the current epoch, or None while its wrap has not come."""
        return self.epoch_keys.get(self.chain.state.epoch.id)

    def require_right_to_write(self) -> None:
        """Check that this device may change the wallet now.

        Raises:
            DeviceRevoked: this device was revoked.
            NotAuthorised: this device may not write.
            WalletClosed: the wallet has ended.
        """
        if self.may_write:
            return
        if self.member is None:
            raise DeviceRevoked(
                "this device was revoked: it keeps what it holds, and what it had not sent; "
                "`billfold export --unsent` writes that to a file"
            )
        if self.chain.state.is_closed:
            raise WalletClosed("this wallet has been closed; nothing can be changed any more")
        raise NotAuthorised("this device may read the wallet but not change it")

    def write(self, *writes: Write) -> None:
        """Note what the store must keep."""
        self.journal.writes.extend(writes)

    def tell(self, event: Event) -> None:
        """Note what the application must know."""
        self.journal.events.append(event)

    def note_entry(self, entry: Entry) -> None:
        """Tell the person once when an admitted entry shows that a device has a live copy."""
        copied: DeviceId | None = None
        if isinstance(entry.prev, Opening):
            copied = self.succession.opened(entry.feed, entry.prev)
            if entry.prev.device == self.device_id:
                self.own_feeds.add(entry.feed)
        if copied is None:
            copied = self.succession.grew(entry.feed, entry.seq)
        if copied is not None and copied in self.chain.state.members:
            self.tell(Warned(cloned_error(copied, is_this=copied == self.device_id)))

    def note_lost(self, outcome: Outcome) -> None:
        """Take note of entries that do not count any more because of a fork."""
        if outcome.has_lost:
            # The document cannot hold two branches of a feed: it is built anew.
            self.is_rebuild_due = True
        for dep in outcome.lost:
            self.write(SetStatus(dep.feed, dep.seq, dep.id, EntryStatus.EXCLUDED))
            if dep.feed in self.own_feeds:
                self.fallen.append(dep)

    def keep_key(self, epoch: EpochId, key: EpochKey) -> None:
        """Keep an epoch key and all that it leads back to; a bad back-link is told of once."""
        opened = open_back_links(self.chain, {**self.epoch_keys, epoch: key})
        errors = opened.errors
        if epoch == self.chain.state.epoch.id:
            # Who has the older keys needs no back-link; a device that is linked later does.
            errors |= open_back_links(self.chain, {epoch: key}).errors
        for k in sorted(errors.keys() - self._bad_back_links):
            self.tell(Warned(errors[k]))
        self._bad_back_links.update(errors)
        new = {id_: key for id_, key in opened.keys.items() if id_ not in self.epoch_keys}
        self.write(*(PutEpochKey(id_, key) for id_, key in new.items()))
        self.epoch_keys.update(new)

    def set_aside(self, items: tuple[SetAside, ...]) -> None:
        """Keep changes that could not be applied."""
        for item in items:
            self.write(PutQuarantined(item.hash, item.raw, describe_set_aside(item)))
            self.tell(Warned(item.error))

    def stored_entries(self, feed: FeedId, from_seq: int = 0) -> Iterator[bytes]:
        """Read the raw entries of a feed's line back, in order.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        while True:
            batch = self.store.read_entries(
                feed,
                from_seq=from_seq,
                count_max=limits.BATCH_COUNT_MAX,
                size_max=limits.BATCH_SIZE_MAX,
            )
            if not batch:
                return
            yield from (entry.raw for entry in batch)
            from_seq = batch[-1].seq + 1


def open_counted(core: Core, entry: Verified[Entry], key: EpochKey) -> Content | None:
    """Open an entry that counts; one that does not open, or is no content, is set aside."""
    try:
        return open_entry(entry, core.wallet_id, key)
    except (VerificationError, RemoteProtocolError, LimitExceeded) as error:
        if entry.value.id not in core.quarantined:
            core.quarantined.add(entry.value.id)
            core.write(PutQuarantined(entry.value.id, entry.raw, str(error)))
            core.tell(Warned(error))
        return None


def opens_what_does_not(core: Core, entry: Entry) -> bool:
    """Whether an envelope opens of an entry that is set aside because the one here does not.

    Raises:
        StoreDamaged: stored bytes fail their checks.
    """
    key = core.epoch_keys.get(entry.epoch)
    if entry.id not in core.quarantined or key is None or not core.graph.may_replace(entry):
        return False
    read = EntryReader(core.store, core.journal, core.wallet_id)
    held = read(Dep(entry.feed, entry.seq, entry.id)).value
    held_key = core.epoch_keys.get(held.epoch)
    if held_key is None or can_open(held, core.wallet_id, held_key):
        return False
    return can_open(entry, core.wallet_id, key)


def cloned_error(device: DeviceId, *, is_this: bool) -> DeviceCloned:
    """Return what the person is told when two copies of a device are alive."""
    which = "this device" if is_this else f"the device {device.hex()[:8]}"
    return DeviceCloned(
        f"another copy of {which} writes to the wallet; if you did not make it, give the device "
        "new keys: `billfold replace` there says how"
    )


def read_entry(store: WalletStore, wallet_id: WalletId, dep: Dep) -> Signed[Entry]:
    """Read one entry back from the store.

    Raises:
        StoreDamaged: it is not there, or damaged.
    """
    found = store.read_entries(dep.feed, from_seq=dep.seq, count_max=1, size_max=1)
    if not found or found[0].entry_id != dep.id:
        found = [entry for entry in store.read_beside(dep.feed) if entry.entry_id == dep.id]
    if not found:
        raise StoreDamaged("an entry that the wallet builds on is missing from its file")
    try:
        return parse_entry(found[0].raw, wallet_id)
    except (Malformed, VerificationError) as error:
        raise StoreDamaged("an entry in the wallet's file is damaged") from error


class EntryReader:
    """Reads entries back, also those that are not in the store yet."""

    def __init__(self, store: WalletStore, journal: Journal, wallet_id: WalletId) -> None:
        self._store = store
        self._journal = journal
        self._wallet_id = wallet_id

    def __call__(self, dep: Dep) -> Signed[Entry]:
        """Return an entry.

        Raises:
            StoreDamaged: it is not there, or damaged.
        """
        raw = self._journal.find_entry(dep.id)
        if raw is not None:
            return parse_entry(raw, self._wallet_id)
        return read_entry(self._store, self._wallet_id, dep)


def verified_entry(core: Core, raw: bytes) -> Verified[Entry]:
    """Verify an entry again that was read back from the store.

    Raises:
        StoreDamaged: it belongs to no device of the wallet, or does not verify.
    """
    try:
        signed = parse_entry(raw, core.wallet_id)
        device = core.graph.device_of(signed.value.feed)
        keys = None if device is None else core.chain.keys_of(device)
        if keys is None:
            raise StoreDamaged("an entry in the wallet's file belongs to no device")
        return verify_entry(signed, core.wallet_id, keys.signing)
    except (Malformed, VerificationError) as error:
        raise StoreDamaged("an entry in the wallet's file does not verify") from error


def describe_set_aside(item: SetAside) -> str:
    """Return what the store keeps beside a change that was set aside."""
    return json.dumps(
        {
            "change": True,
            "actor": None if item.actor is None else item.actor.hex(),
            "stops_at": item.stops_at,
            "error": type(item.error).__name__,
            "message": str(item.error),
        }
    )


def parse_set_aside(stored: PutQuarantined) -> SetAside | None:
    """Read a change back that was set aside; None if it is an entry that was, as a whole.

    Raises:
        StoreDamaged: it is neither.
    """
    if not stored.reason.startswith("{"):
        return None
    try:
        about = json.loads(stored.reason)
        actor = about["actor"]
        return SetAside(
            hash=stored.hash,
            raw=stored.raw,
            actor=None if actor is None else bytes.fromhex(actor),
            stops_at=about["stops_at"],
            error=_SET_ASIDE_ERRORS[about["error"]](about["message"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamaged("a change that was set aside is damaged") from error


_SET_ASIDE_ERRORS: dict[str, type[BillfoldError]] = {
    error.__name__: error for error in (Malformed, Quarantined, PeerPoison, LimitExceeded)
}
