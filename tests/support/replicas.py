"""A replica without a document: a real chain and a real feed graph, and what they say counts.

It does what every device must do when its chain grows: try the waiting entries again, then stop
counting what the cuts leave behind.

Spec: 15-feeds.md
"""

from collections.abc import Sequence

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Dep, Entry, FeedGraph, Outcome, Refusal, parse_entry
from billfold_protocol.ids import DeviceId, EntryId
from billfold_protocol.membership import MembershipChain


class TestReplica:
    """What one device knows: a chain from `create` on, entries, and which of them count."""

    __test__ = False

    def __init__(self, create: bytes) -> None:
        self.chain = MembershipChain(create)
        self.stored: dict[EntryId, Verified[Entry]] = {}
        self.counted: set[EntryId] = set()
        self.refused: list[Refusal] = []
        self.graph = FeedGraph(self.chain, self._read)

    def receive(self, raw: bytes) -> Outcome:
        """Take the signed bytes of one entry."""
        outcome = self.graph.receive(parse_entry(raw, self.chain.wallet_id))
        self._take(outcome)
        return outcome

    def append_own(self, entry: Verified[Entry], device: DeviceId) -> None:
        """Append an entry that this replica's device has just made."""
        outcome = self.graph.append_own(entry, device)
        self._take(outcome)

    def append(self, raw: bytes) -> None:
        """Append one membership entry without looking at what its cuts leave behind."""
        self.chain.append(raw)
        self._take(self.graph.chain_grew())

    def drop_what_is_cut_off(self) -> list[Dep]:
        """Stop counting what no root reaches any more, and return it."""
        lost = self.graph.cut_off()
        self.graph.exclude(lost, [self.stored[dep.id] for dep in lost])
        self.counted.difference_update(dep.id for dep in lost)
        return lost

    def learn(self, raws: Sequence[bytes]) -> list[Dep]:
        """Append what the chain lacks of `raws`, and return what counts no more."""
        for raw in raws[len(self.chain) :]:
            self.append(raw)
        return self.drop_what_is_cut_off()

    def restart(self) -> None:
        """Forget everything but what a store keeps, and begin again from that."""
        waiting = [signed.raw for signed in self.graph.waiting]
        apart = [entry for id_, entry in self.stored.items() if id_ not in self.counted]
        self.chain = MembershipChain.load(self.chain.raws)
        self.graph = FeedGraph(self.chain, self._read)
        openings = {e.value.feed: e.value.prev for e in self.stored.values() if e.value.seq == 0}
        for id_ in sorted(self.counted, key=lambda id_: self.stored[id_].value.seq):
            entry = self.stored[id_].value
            opening = openings[entry.feed]
            assert not isinstance(opening, bytes)
            self.graph.restore(Dep(entry.feed, entry.seq, id_), opening.device)
        for raw in [*(entry.raw for entry in apart), *waiting]:
            self.receive(raw)

    def _read(self, dep: Dep) -> Entry:
        return self.stored[dep.id].value

    def _take(self, outcome: Outcome) -> None:
        for entry in (*outcome.excluded, *outcome.renewed):
            self.stored[entry.value.id] = entry
        for entry in outcome.counted:
            assert entry.value.id not in self.counted, "an entry is counted once"
            assert {dep.id for dep in entry.value.ancestors} <= self.counted, "ancestors come first"
            self.stored[entry.value.id] = entry
            self.counted.add(entry.value.id)
        self.refused += outcome.refused
