import random
from typing import Any

from billfold_protocol import codec
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.feed import (
    Ack,
    Beacon,
    Checkpoint,
    Dep,
    Entry,
    FeedGraph,
    Outcome,
    Rejection,
    Standing,
    parse_entry,
    parse_vector,
    vector_hash,
)
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import EntryId, ServerKey, SigningPublicKey, WalletId
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, binary, chain_of, each, expecting

ORDERS_COUNT = 25
RESULTS = (
    *("counted", "excluded", "waiting", "refused", "missing", "missing_membership"),
    *("forks", "vector_hash"),
)


class Receiver:
    """What a device does with what arrives, as 15-feeds.md tells it."""

    def __init__(self, vector: Vector) -> None:
        self.chain = chain_of("feeds", vector)
        self.entries: dict[EntryId, Verified[Entry]] = {}
        self.refused: set[tuple[str, str]] = set()
        self.forks: set[str] = set()
        self.graph = FeedGraph(self.chain, self._read)

    def take(self, event: Vector) -> None:
        if "membership" in event:
            self.chain.append(bytes.fromhex(event["membership"]))
            self._keep(self.graph.chain_grew())
            lost = self.graph.cut_off()
            self.graph.exclude(lost)
        else:
            signed = parse_entry(bytes.fromhex(event["entry"]), self.chain.wallet_id)
            assert signed.value.id.hex() == event["id"]
            self._keep(self.graph.receive(signed))

    def _read(self, dep: Dep) -> Signed[Entry]:
        return parse_entry(self.entries[dep.id].raw, self.chain.wallet_id)

    def _keep(self, outcome: Outcome) -> None:
        for entry in (*outcome.counted, *outcome.excluded, *outcome.renewed):
            self.entries[entry.value.id] = entry
        for fork in outcome.equivocations:
            first, second = fork.first.value, fork.second.value
            assert (first.feed, first.seq) == (second.feed, second.seq)
            assert first.id < second.id
            self.forks |= {first.id.hex(), second.id.hex()}
        if outcome.has_lost:
            self.graph.exclude(self.graph.cut_off())
        for refusal in outcome.refused:
            self.refused.add((refusal.entry.id.hex(), type(refusal.error).__name__))

    def ids(self, standing: Standing) -> list[str]:
        nodes = [
            self.graph.find(Dep(entry.value.feed, entry.value.seq, id_))
            for id_, entry in self.entries.items()
        ]
        return sorted(node.dep.id.hex() for node in nodes if node and node.standing is standing)

    @property
    def results(self) -> dict[str, Any]:
        return {
            "counted": self.ids(Standing.COUNTED),
            "excluded": self.ids(Standing.EXCLUDED),
            "waiting": sorted({signed.value.id.hex() for signed in self.graph.waiting}),
            "refused": sorted([id_, error] for id_, error in self.refused),
            "missing": [[dep.feed.hex(), dep.seq, dep.id.hex()] for dep in self.graph.missing],
            "missing_membership": self.graph.missing_membership,
            "forks": sorted(self.forks),
            "vector_hash": vector_hash(self.graph.vector).hex(),
        }


def expected(vector: Vector) -> dict[str, Any]:
    results = {field: vector[field] for field in RESULTS}
    return {**results, "refused": sorted(vector["refused"])}


@each("feeds")
def test_what_arrives_ends_in_what_the_scenario_says(vector: Vector) -> None:
    receiver = Receiver(vector)
    for event in vector["events"]:
        receiver.take(event)
    assert receiver.results == expected(vector)


@each("feeds")
def test_the_order_of_arrival_does_not_matter(vector: Vector) -> None:
    shuffle = random.Random(vector["id"]).shuffle
    for _ in range(ORDERS_COUNT):
        events = list(vector["events"]) + vector["events"][:1]
        shuffle(events)
        appended = iter([event for event in vector["events"] if "membership" in event] * 2)
        receiver = Receiver(vector)
        for event in events:
            # Membership entries keep their own order: a chain is linear.
            receiver.take(next(appended) if "membership" in event else event)
        assert receiver.results == expected(vector), [event["name"] for event in events]


@each("feeds", "events")
def test_expect_names_the_error_of_the_first_refusal(vector: Vector) -> None:
    errors = [error for _, error in vector["refused"]]
    assert vector["expect"] == (errors[0] if errors else "ok")


def open_statement(vector: Vector) -> list[object]:
    raw, key = binary([vector["statement"], vector["public_key"]])
    wallet_id = WalletId(bytes.fromhex(vector["wallet_id"]))
    server = ServerKey(key)
    match vector["kind"]:
        case "checkpoint":
            found = Checkpoint.verify(raw, server, wallet_id)
            return [
                *(1, found.wallet_id, found.n, found.k, found.head, found.time_s),
                *(found.client_nonce, found.vector_hash),
            ]
        case "ack":
            ack = Ack.verify(raw, server, wallet_id)
            return [1, ack.wallet_id, list(ack.ids), ack.n, ack.k, ack.head]
        case "rejection":
            said = Rejection.verify(raw, server, wallet_id)
            return [1, said.wallet_id, list(said.ids), said.reason.value, said.k]
        case _:
            seen = Beacon.verify(raw, SigningPublicKey(key), wallet_id)
            return [
                *(2, seen.wallet_id, seen.device, seen.k, seen.head),
                *(encode_vector(seen.vector), seen.time_s, seen.checkpoint, list(seen.proofs)),
            ]


@each("statements", "statement")
def test_a_signed_statement_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        assert open_statement(vector) == read(vector["fields"])


@each("statements", "encoded")
def test_the_heads_of_feeds_are_read_or_refused(vector: Vector) -> None:
    value = codec.decode(bytes.fromhex(vector["encoded"]), size_max=1 << 20)
    with expecting(vector):
        found = parse_vector(value)
        heads = [[feed.hex(), seq, id_.hex()] for feed, (seq, id_) in found.items()]
        assert heads == vector["heads"]
        assert vector_hash(found).hex() == vector["vector_hash"]
