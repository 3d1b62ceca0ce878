import pytest

from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import WalletId
from billfold_protocol.proofs import check_proof, encode_proof, parse_proof
from tests.vectors.vector_files import Vector, each, expecting, load

WHOLE = {"rollback-by-number", "false-ack", "stale-server", "equivocation", "fork-by-the-server"}


def check(vector: Vector) -> str:
    wallet_id = WalletId(bytes.fromhex(vector["wallet_id"]))
    return check_proof(bytes.fromhex(vector["proof"]), wallet_id=wallet_id).kind


@each("proofs", "proof")
def test_a_proof_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        assert check(vector) == vector["kind"]


@each("proofs", expect="ok")
def test_a_proof_is_written_as_it_was_read(vector: Vector) -> None:
    data = bytes.fromhex(vector["proof"])
    assert encode_proof(parse_proof(data)) == data


def test_one_proof_of_each_kind_is_changed_at_every_byte() -> None:
    accepted = [vector for vector in load("proofs")["vectors"] if vector["expect"] == "ok"]
    kinds = {vector["kind"] for vector in accepted}
    assert {vector["kind"] for vector in accepted if vector["id"] in WHOLE} == kinds
    assert len(WHOLE) == len(kinds)


@each("proofs", expect="ok")
def test_a_proof_with_any_byte_changed_is_refused(vector: Vector) -> None:
    """Every byte of one proof of each kind, and every 13th of the others."""
    data = bytes.fromhex(vector["proof"])
    step = 1 if vector["id"] in WHOLE else 13
    for index in range(0, len(data), step):
        changed = bytearray(data)
        changed[index] ^= 1 << index % 8
        with pytest.raises(BillfoldError):
            check_proof(bytes(changed))
