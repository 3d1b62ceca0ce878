"""Opening a replica: from what the store holds to the parts in memory.

Spec: 40-wallet-document.md
"""

from collections.abc import Callable
from dataclasses import dataclass

from billfold.bases import BASE_KEY, base_heads, read_base
from billfold.core import Core, parse_set_aside, read_entry, verified_entry
from billfold.device import DeviceSecrets
from billfold.document import Document, MergeKinds, change_actor
from billfold.founding import DEVICE_KEY, FEED_SALT_KEY, FORMAT, FORMAT_KEY, HOLDER_KEY
from billfold.store import EntryStatus, WalletState, WalletStore
from billfold.succession import Succession
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import BillfoldError, StoreDamaged, UpdateNeeded
from billfold_protocol.feed import Dep, Entry, FeedGraph, feed_id
from billfold_protocol.ids import DeviceId, EpochKey, FeedId, HolderId
from billfold_protocol.membership import MembershipChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A replica's parts, and what its boxes take up again."""

    core: Core
    state: WalletState
    unopened: list[Verified[Entry]]
    """Entries that count, whose epoch's key had not come."""

    excluded: list[bytes]
    """Entries beyond a cut."""

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
    wallet_id, feed = chain.wallet_id, feed_id(secrets.device_id, feed_salt)
    graph = FeedGraph(chain, lambda dep: read_entry(store, wallet_id, dep))
    quarantined = store.read_quarantined()
    set_aside = [item for stored in quarantined if (item := parse_set_aside(stored))]
    member = chain.state.members.get(secrets.device_id)
    is_reader = member is not None and (not member.role.can_write or chain.state.is_closed)
    # What a device made before it lost the right to write is kept, but is not in the wallet.
    # What it made in another feed is expressed again in this one.
    is_elsewhere = bool(state.pending) and change_actor(state.pending[0].change) != feed
    is_shown = not is_reader and not is_elsewhere
    pending = tuple(edit.change for edit in state.pending) if is_shown else ()
    core = Core(
        store=store,
        secrets=secrets,
        holder=holder,
        chain=chain,
        epoch_keys={epoch: EpochKey(key) for epoch, key in state.epoch_keys.items()},
        feed_salt=feed_salt,
        feed=feed,
        own_feeds={feed},
        graph=graph,
        succession=Succession(lambda: graph.vector),
        document=Document.load(
            state.document or b"",
            (*state.changes, *pending),
            actor=feed,
            set_aside=set_aside,
            merge_kinds=merge_kinds,
        ),
        quarantined={item.hash for item in quarantined if parse_set_aside(item) is None},
        base=read_base(state.meta.get(BASE_KEY), wallet_id)[0],
        now_ms=now_ms,
        random=random,
    )
    return _restore_graph(core, state, is_elsewhere=is_elsewhere)


def _restore_graph(core: Core, state: WalletState, *, is_elsewhere: bool) -> Loaded:
    """Give the feed graph what counted."""
    unopened: list[Verified[Entry]] = []
    excluded: list[bytes] = []
    base = {} if core.base is None else base_heads(core.base)
    openings = read_base(state.meta.get(BASE_KEY), core.wallet_id)[1]
    core.succession.adopt(openings)
    core.own_feeds.update(feed for feed, one in openings if one.device == core.device_id)
    core.graph.adopt(base)
    owners: dict[FeedId, DeviceId] = {feed: head.device for feed, head in base.items()}
    for row in core.store.entry_index():
        dep = Dep(row.feed, row.seq, row.entry_id)
        if row.feed not in owners:
            opening = read_entry(core.store, core.wallet_id, dep).prev
            if isinstance(opening, bytes):
                raise StoreDamaged("the first entry of a feed is missing from the wallet")
            owners[row.feed] = opening.device
            core.succession.opened(row.feed, opening)
            if opening.device == core.device_id:
                core.own_feeds.add(row.feed)
        if row.status is EntryStatus.EXCLUDED:
            excluded.append(next(core.stored_entries(row.feed, row.seq)))
            continue
        core.graph.restore(dep, owners[row.feed])
        if row.status is EntryStatus.WAITING:
            raw = next(core.stored_entries(row.feed, row.seq))
            unopened.append(verified_entry(core, raw))
    for feed, (seq, _) in core.graph.vector.items():
        core.succession.grew(feed, seq)
    return Loaded(
        core=core,
        state=state,
        unopened=unopened,
        excluded=excluded,
        is_elsewhere=is_elsewhere,
    )
