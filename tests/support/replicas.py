"""A replica without a document: a real chain and a real feed graph, and what they say counts.

It does what every device must do when its chain grows: try the waiting entries again, then stop
counting what the cuts leave behind.

Spec: 15-feeds.md
"""

from collections.abc import Mapping, Sequence

from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.feed import (
    BaseHead,
    Dep,
    Entry,
    FeedGraph,
    Fork,
    Outcome,
    Refusal,
    parse_entry,
)
from billfold_protocol.ids import DeviceId, EntryId, FeedId
from billfold_protocol.membership import MembershipChain


class TestReplica:
    """What one device knows: a chain from `create` on, entries, and which of them count."""

    __test__ = False

    def __init__(self, create: bytes) -> None:
        self.chain = MembershipChain(create)
        self.stored: dict[EntryId, Verified[Entry]] = {}
        self.counted: set[EntryId] = set()
        self.refused: list[Refusal] = []
        self.forks: list[Fork] = []
        self.covered: dict[FeedId, int] = {}
        self.graph = FeedGraph(self.chain, self._read)

    def receive(self, raw: bytes) -> Outcome:
        """Take the signed bytes of one entry."""
        outcome = self.graph.receive(parse_entry(raw, self.chain.wallet_id))
        self._take(outcome)
        if outcome.has_lost:
            self.drop_what_is_cut_off()
        return outcome

    def adopt(self, base: Mapping[FeedId, BaseHead]) -> Outcome:
        """Stand on a snapshot."""
        self.covered.update((feed, head.seq) for feed, head in base.items())
        outcome = self.graph.adopt(base)
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

    def reseal(self, entry: Verified[Entry]) -> None:
        """Take an entry that this replica's device has sealed again."""
        self._take(self.graph.resealed(entry))

    def drop_what_is_cut_off(self) -> list[Dep]:
        """Stop counting what no root reaches any more, and return it."""
        lost = self.graph.cut_off()
        self.graph.exclude(lost)
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
        self.chain = MembershipChain.load(self.chain.raws)
        self.graph = FeedGraph(self.chain, self._read)
        openings = {e.value.feed: e.value.prev for e in self.stored.values() if e.value.seq == 0}
        for id_ in sorted(self.stored, key=lambda id_: (self.stored[id_].value.seq, id_)):
            entry = self.stored[id_].value
            opening = openings[entry.feed]
            assert not isinstance(opening, bytes)
            self.graph.restore(
                Dep(entry.feed, entry.seq, id_),
                opening.device,
                previous=entry.prev if isinstance(entry.prev, bytes) else None,
                is_counted=id_ in self.counted,
            )
        for raw in waiting:
            self.receive(raw)

    def _read(self, dep: Dep) -> Signed[Entry]:
        return parse_entry(self.stored[dep.id].raw, self.chain.wallet_id)

    def _take(self, outcome: Outcome) -> None:
        for entry in (*outcome.excluded, *outcome.renewed):
            self.stored[entry.value.id] = entry
        lost = {dep.id for dep in outcome.lost}
        assert lost <= self.counted, "only what counted is lost"
        self.counted -= lost
        for entry in outcome.counted:
            assert entry.value.id not in self.counted, "an entry is counted once"
            ancestors = [d for d in entry.value.ancestors if d.seq > self.covered.get(d.feed, -1)]
            assert {dep.id for dep in ancestors} <= self.counted, "ancestors come first"
            self.stored[entry.value.id] = entry
            self.counted.add(entry.value.id)
        self.refused += outcome.refused
        self.forks += outcome.equivocations
