from billfold_protocol import codec
from billfold_protocol.ids import EpochKey
from billfold_protocol.snapshot import (
    Judgement,
    Verdict,
    header,
    parse_snapshot,
    verify_snapshot,
    was_alone,
)
from billfold_protocol.snapshot_sealing import encode_openings, open_snapshot
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, binary, chain_of, each, expecting


def open_vector(vector: Vector) -> None:
    chain = chain_of("snapshots", vector)
    raw = bytes.fromhex(vector["statement"])
    verified = verify_snapshot(parse_snapshot(raw, chain.wallet_id), chain)
    if vector["expect"] == "ok":
        snapshot = verified.value
        assert snapshot.id.hex() == vector["snapshot_id"]
        assert [*header(snapshot), snapshot.size, snapshot.digest] == read(vector["fields"])
        assert verified.raw == raw
    if "ciphertext" not in vector:
        return
    key, ciphertext = binary([vector["epoch_key"], vector["ciphertext"]])
    content = open_snapshot(verified, ciphertext, EpochKey(key))
    aside = [
        [item.hash, item.raw, item.is_change, item.feed, item.stops_at, item.error]
        for item in content.aside
    ]
    assert content.saved.hex() == vector["saved"]
    assert aside == read(vector["aside"])
    assert [raw.hex() for raw in content.waiting] == vector["waiting"]
    assert encode_openings(content.openings) == read(vector["openings"])


@each("snapshots", "statement")
def test_a_snapshot_is_opened_or_refused(vector: Vector) -> None:
    with expecting(vector):
        open_vector(vector)


@each("snapshots", "verdict")
def test_a_verdict_is_read_or_refused(vector: Vector) -> None:
    chain = chain_of("snapshots", vector)
    raw = bytes.fromhex(vector["verdict"])
    with expecting(vector):
        verdict = Verdict.verify(raw, Judgement(vector["judgement"]), chain)
        assert [1, verdict.wallet_id, verdict.snapshot, verdict.device, verdict.time_s] == read(
            vector["fields"]
        )
        assert codec.encode(read(vector["fields"])) == raw[64:]


@each("snapshots", "alone_statement")
def test_an_author_was_alone_or_was_not(vector: Vector) -> None:
    chain = chain_of("snapshots", vector)
    raw = bytes.fromhex(vector["alone_statement"])
    with expecting(vector):
        verified = verify_snapshot(parse_snapshot(raw, chain.wallet_id), chain)
        assert was_alone(verified.value, chain) is vector["is_alone"]
