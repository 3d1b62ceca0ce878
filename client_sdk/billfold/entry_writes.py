"""What the store keeps of this device's own entries.

Spec: 21-sync.md
"""

from billfold.core import Core
from billfold.store import EntryStatus, LocalEntry, PutEntry, SetStatus
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Dep, Entry


def counts_now(entry: Verified[Entry]) -> SetStatus:
    """Return the write by which an own entry counts that did not."""
    return SetStatus(entry.value.feed, entry.value.seq, entry.value.id, EntryStatus.COUNTED)


def own_put(core: Core, entry: Verified[Entry]) -> PutEntry:
    """Return the write by which the store keeps an own entry that is not acknowledged."""
    dep = Dep(entry.value.feed, entry.value.seq, entry.value.id)
    node = core.graph.find(dep)
    is_counted = node is not None and node.is_counted
    return PutEntry(
        LocalEntry(
            feed=dep.feed,
            seq=dep.seq,
            entry_id=dep.id,
            raw=entry.raw,
            status=EntryStatus.COUNTED if is_counted else EntryStatus.EXCLUDED,
            is_acked=False,
            is_beside=core.graph.is_beside(dep),
        )
    )
