"""Opening a replica: from what the store holds to the parts in memory.

Spec: 40-wallet-document.md
"""

from collections.abc import Callable
from dataclasses import dataclass

from billfold.bases import Base, base_heads, read_base
from billfold.core import Core, EntryReader, parse_set_aside, read_entry, verified_entry
from billfold.device import DeviceSecrets
from billfold.document import Document, MergeKinds, change_actor
from billfold.founding import (
    DEVICE_KEY,
    FEED_SALT_KEY,
    FORMAT,
    FORMAT_KEY,
    HOLDER_KEY,
    SUCCESSOR_KEY,
)
from billfold.journal import Journal
from billfold.named_values import NamedValues
from billfold.store import EntryStatus, WalletState, WalletStore
from billfold.succession import Succession
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import BillfoldError, StoreDamaged, UpdateNeeded
from billfold_protocol.feed import Dep, Entry, FeedGraph, Opening, feed_id
from billfold_protocol.ids import DeviceId, EntryId, EpochKey, FeedId, HolderId
from billfold_protocol.membership import MembershipChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A replica's parts, and what its boxes take up again."""

    core: Core
    state: WalletState
    unopened: list[Verified[Entry]]
    """Entries that count, whose epoch's key had not come."""

    is_elsewhere: bool
    """Whether the pending edits are changes of another feed than the device writes now."""


def load_core(
    store: WalletStore,
    *,
    now_ms: Callable[[], int],
    random: RandomBytes,
    merge_kinds: MergeKinds,
) -> Loaded:
    """Open what a store holds.

    Raises:
        StoreDamaged: the store's bytes fail their checks.
        UpdateNeeded: a newer version wrote the store.
    """
    state = store.load()
    if state.meta.get(FORMAT_KEY, FORMAT) != FORMAT:
        raise UpdateNeeded("a newer version of Billfold wrote this wallet; update to open it")
    try:
        secrets = DeviceSecrets.decode(state.meta[DEVICE_KEY])
        feed_salt, holder = state.meta[FEED_SALT_KEY], HolderId(state.meta[HOLDER_KEY])
        chain = MembershipChain.load(state.members)
    except KeyError as error:
        raise StoreDamaged("the wallet's file lacks this device's own data") from error
    except (BillfoldError, ValueError) as error:
        raise StoreDamaged("the membership chain in the wallet's file is damaged") from error
    wallet_id, feed, journal = chain.wallet_id, feed_id(secrets.device_id, feed_salt), Journal()
    graph = FeedGraph(chain, EntryReader(store, journal, wallet_id))
    quarantined = store.read_quarantined()
    set_aside = [item for stored in quarantined if (item := parse_set_aside(stored))]
    member, base = chain.state.members.get(secrets.device_id), read_base(state.meta, wallet_id)
    is_reader = member is not None and (not member.may_write or chain.state.is_closed)
    # What a device made before it lost the right to write is kept, but is not in the wallet.
    # What it made in another feed is expressed again in this one.
    is_elsewhere = bool(state.pending) and change_actor(state.pending[0].change) != feed
    pending = () if is_reader or is_elsewhere else tuple(edit.change for edit in state.pending)
    core = Core(
        store=store,
        journal=journal,
        secrets=secrets,
        holder=holder,
        chain=chain,
        epoch_keys={epoch: EpochKey(key) for epoch, key in state.epoch_keys.items()},
        feed_salt=feed_salt,
        feed=feed,
        own_feeds={feed},
        graph=graph,
        succession=Succession(graph.head_of, graph.is_torn),
        document=Document.load(
            state.document or b"",
            (*state.changes, *pending),
            actor=feed,
            set_aside=set_aside,
            merge_kinds=merge_kinds,
        ),
        quarantined={item.hash for item in quarantined if parse_set_aside(item) is None},
        base=None if base is None else base.snapshot,
        now_ms=now_ms,
        random=random,
        names=NamedValues(state.meta, journal),
    )
    return _restore_graph(core, state, base, is_elsewhere=is_elsewhere)


def _restore_graph(
    core: Core, state: WalletState, stood_on: Base | None, *, is_elsewhere: bool
) -> Loaded:
    """Give the feed graph the entries as they stood."""
    unopened: list[Verified[Entry]] = []
    base = {} if stood_on is None else base_heads(stood_on.snapshot)
    covered = () if stood_on is None else stood_on.openings
    if (successor := state.meta.get(SUCCESSOR_KEY)) is not None:
        core.successor = DeviceSecrets.decode(successor)
    core.succession.adopt(covered)
    core.own_feeds.update(feed for feed, one in covered if one.device == core.device_id)
    core.graph.adopt(base)
    owners: dict[FeedId, DeviceId] = {feed: head.device for feed, head in base.items()}
    openings: list[tuple[FeedId, Opening]] = []
    rows = core.store.entry_index()
    forked = {row.feed for row in rows if row.is_beside}
    for row in rows:
        dep = Dep(row.feed, row.seq, row.entry_id)
        previous: EntryId | None = None
        if row.feed not in owners or row.feed in forked:
            prev = read_entry(core.store, core.wallet_id, dep).value.prev
            if isinstance(prev, Opening):
                owners[row.feed] = prev.device
                openings.append((row.feed, prev))
                if prev.device == core.device_id:
                    core.own_feeds.add(row.feed)
            else:
                previous = prev
        if row.feed not in owners:
            raise StoreDamaged("the first entry of a feed is missing from the wallet")
        is_counted = row.status is not EntryStatus.EXCLUDED
        core.graph.restore(dep, owners[row.feed], previous=previous, is_counted=is_counted)
        if row.status is EntryStatus.WAITING:
            raw = read_entry(core.store, core.wallet_id, dep).raw
            unopened.append(verified_entry(core, raw))
    # Not before all is here: what these look at may depend on a fork.
    for feed, opening in openings:
        core.succession.opened(feed, opening)
    for feed, (seq, _) in core.graph.vector.items():
        core.succession.grew(feed, seq)
    return Loaded(
        core=core,
        state=state,
        unopened=unopened,
        is_elsewhere=is_elsewhere,
    )
