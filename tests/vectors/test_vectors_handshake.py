from typing import cast

import pytest

from billfold_protocol.client_session import Accepted, ClientSession
from billfold_protocol.crypto import hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.ids import ServerKey, SigningPublicKey
from billfold_protocol.messages import (
    Challenge,
    Register,
    Subscribe,
    parse_client_message,
    parse_server_message,
    proof_parts,
)
from billfold_protocol.server_session import ServerSession
from tests.vectors.vector_files import Vector, each, expecting


def challenge_of(vector: Vector) -> Challenge:
    return cast(Challenge, parse_server_message(bytes.fromhex(vector["challenge"])))


def server_of(vector: Vector) -> ServerSession:
    challenge = challenge_of(vector)
    return ServerSession(
        server_key=challenge.server_key,
        instance=challenge.instance,
        nonce=challenge.nonce,
        origins=["https://elsewhere.example", vector["origin"]],
    )


@each("handshake", kind="proof")
def test_a_proof_holds_for_its_connection_server_and_address_only(vector: Vector) -> None:
    message = parse_client_message(bytes.fromhex(vector["message"]))
    assert isinstance(message, Subscribe | Register)
    key = SigningPublicKey(bytes.fromhex(vector["public_key"]))
    assert server_of(vector).is_proven(message, key) == (vector["expect"] == "ok")
    is_subscribe = isinstance(message, Subscribe)
    domain = Domain.SUBSCRIBE_SIGNATURE if is_subscribe else Domain.REGISTER_SIGNATURE
    parts = proof_parts(challenge_of(vector), vector["origin"], message)
    with expecting(vector):
        signing.check_signature(key, message.proof, domain, *parts)
        assert hashing.frame(domain, *parts).hex() == vector["signed"]


@each("handshake", kind="client")
def test_a_client_takes_an_answer_or_refuses_it(vector: Vector) -> None:
    message = parse_client_message(bytes.fromhex(vector["message"]))
    assert isinstance(message, Subscribe)
    pinned = vector["pinned_key"] and ServerKey(bytes.fromhex(vector["pinned_key"]))
    session = ClientSession(origin=vector["origin"])
    answers = [bytes.fromhex(answer) for answer in vector["answers"]]
    with expecting(vector):
        session.receive(bytes.fromhex(vector["challenge"]))
        key = SigningKey(bytes.fromhex(vector["seed"]))
        sent = session.subscribe(message, key, pinned_key=pinned)
        assert sent.hex() == vector["sent"]
        events = [session.receive(answer) for answer in answers]
        assert isinstance(events[0], Accepted)
        assert events[0].checkpoint.client_nonce == message.client_nonce
        assert session.is_live(message.wallet_id)


@each("handshake", kind="client")
def test_a_refused_answer_is_the_last_one_and_those_before_it_are_taken(vector: Vector) -> None:
    """Each refusal has one cause: without its last answer the exchange stands."""
    if vector["expect"] == "ok" or not vector["answers"]:
        return
    message = parse_client_message(bytes.fromhex(vector["message"]))
    assert isinstance(message, Subscribe)
    session = ClientSession(origin=vector["origin"])
    session.receive(bytes.fromhex(vector["challenge"]))
    key = SigningKey(bytes.fromhex(vector["seed"]))
    session.subscribe(message, key, pinned_key=None)
    for answer in vector["answers"][:-1]:
        session.receive(bytes.fromhex(answer))
    assert not session.is_live(message.wallet_id)


@each("handshake", kind="server")
def test_a_server_takes_messages_in_their_time_only(vector: Vector) -> None:
    session = server_of(vector)
    assert session.challenge().hex() == vector["challenge"]
    *before, last = [bytes.fromhex(message) for message in vector["messages"]]

    def take(data: bytes) -> None:
        message = session.receive(data)
        if isinstance(message, Subscribe):
            session.accept(message.wallet_id)

    for data in before:
        take(data)
    if vector["expect"] == "ok":
        take(last)
        return
    with pytest.raises(RemoteProtocolError) as caught:
        take(last)
    assert type(caught.value).__name__ == vector["expect"]
    assert caught.value.close_code == vector["close_code"]
