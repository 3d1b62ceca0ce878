from collections.abc import Callable, Iterator

import pytest

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.crypto.wrapping import UnwrappingKey
from billfold_protocol.errors import PairingFailed
from billfold_protocol.ids import (
    DeviceId,
    HolderId,
    MembershipHash,
    ServerKey,
    WalletId,
)
from billfold_protocol.linking import (
    CodeExchange,
    LinkingCode,
    LinkInitiator,
    LinkResponder,
    Welcome,
    fingerprint,
    keys_hash,
    split_code,
)
from billfold_protocol.membership import DeviceKeys, Kind, Role, acceptance_parts
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, binary, each, expecting, load

RUN = next(vector for vector in load("linking")["vectors"] if vector["id"] == "handshake")
MESSAGES = binary(RUN["messages"])
SECRET = bytes.fromhex(RUN["secret"])
PHONE_SIGNING = SigningKey(
    bytes.fromhex(
        next(v for v in load("linking")["vectors"] if v["id"] == "fingerprint-phone")["seeds"][0]
    )
)
PHONE_UNWRAPPING = UnwrappingKey(
    bytes.fromhex(
        next(v for v in load("linking")["vectors"] if v["id"] == "fingerprint-phone")["seeds"][1]
    )
)


def drawing(side: str) -> Callable[[int], bytes]:
    """Return the source of randomness of a side, as the vector lists it."""
    draws: Iterator[bytes] = iter(binary(RUN["random"][side]))

    def draw(size: int) -> bytes:
        drawn = next(draws, bytes(size))
        assert len(drawn) == size
        return drawn

    return draw


class Pair:
    """The two sides of the handshake, each up to where it reads the message at an index."""

    def __init__(
        self, index: int, *, secret: bytes = SECRET, code_hash: bytes | None = None
    ) -> None:
        expected = code_hash or bytes.fromhex(RUN["keys_hash"])
        self.responder = LinkResponder(
            secret, expected_keys_hash=expected, random=drawing("responder")
        )
        self.initiator = LinkInitiator(
            SECRET,
            keys=DeviceKeys(PHONE_SIGNING.public_key, PHONE_UNWRAPPING.public_key),
            signing_key=PHONE_SIGNING,
            unwrapping_key=PHONE_UNWRAPPING,
            random=drawing("initiator"),
        )
        steps = (self.say_hello, self.propose, self.accept)
        for step in steps[: index + 1]:
            self.sent = step(index)

    def say_hello(self, index: int) -> bytes:
        hello = self.initiator.hello(RUN["name"], Kind.DEVICE)
        if index > 0:
            self.responder.hello(hello)
        return hello

    def propose(self, index: int) -> bytes:
        wallet_id, sponsor, holder, role, _, session = read(RUN["proposal"])
        proposal = self.responder.propose(
            wallet_id=WalletId(wallet_id),
            sponsor=DeviceId(sponsor),
            holder=HolderId(holder),
            role=Role(role),
            session=session,
        )
        if index > 1:
            self.accepted = self.initiator.accept(proposal)
        return proposal

    def accept(self, index: int) -> bytes:
        if index > 2:
            self.link = self.responder.accepted(self.accepted[1])
        return self.accepted[1]

    def read(self, index: int, message: bytes) -> object:
        match index:
            case 0:
                return self.responder.hello(message)
            case 1:
                return self.initiator.accept(message)
            case 2:
                return self.responder.accepted(message)
            case _:
                return self.initiator.welcome(message)


def welcome_of_vector() -> Welcome:
    address, server_key, k, hash_, beacon = read(RUN["welcome"])
    wallet_id, _, holder, _, _, _ = read(RUN["proposal"])
    return Welcome(
        wallet_id=WalletId(wallet_id),
        holder=HolderId(holder),
        address=address,
        server_key=ServerKey(server_key),
        k=k,
        hash=MembershipHash(hash_),
        beacon=beacon,
    )


@each("linking", "uri")
def test_a_linking_code_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        code = LinkingCode.parse(vector["uri"])
        fields = [1, code.address, code.rendezvous, code.keys_hash, code.secret]
        assert fields == read(vector["fields"])
        assert code.uri() == vector["uri"].strip()


@each("linking", "typed")
def test_typed_words_are_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        assert split_code(vector["typed"]) == (vector["number"], vector["words"])


@each("linking", "fingerprint")
def test_both_screens_show_these_digits(vector: Vector) -> None:
    signing, wrapping = binary(vector["seeds"])
    keys = DeviceKeys(SigningKey(signing).public_key, UnwrappingKey(wrapping).public_key)
    assert keys_hash(keys).hex() == vector["keys_hash"]
    assert fingerprint(keys) == vector["fingerprint"]


@each("linking", "password")
def test_typed_words_make_this_secret_or_none(vector: Vector) -> None:
    random = bytes.fromhex(vector["random"])
    exchange = CodeExchange(
        vector["password"],
        is_initiator=vector["side"] == "initiator",
        random=lambda size: random[:size],
    )
    assert exchange.message.hex() == vector["sends"]
    with expecting(vector):
        assert exchange.finish(bytes.fromhex(vector["receives"])).hex() == vector["secret"]


def test_only_the_same_words_make_one_secret() -> None:
    vectors = {vector["id"]: vector for vector in load("linking")["vectors"]}
    initiator, responder = vectors["spake2-initiator"], vectors["spake2-responder"]
    assert initiator["secret"] == responder["secret"]
    assert vectors["spake2-other-words"]["secret"] != initiator["secret"]


def test_the_handshake_gives_these_messages_and_ends_in_the_welcome() -> None:
    for index in range(3):
        assert Pair(index).sent == MESSAGES[index]
    pair = Pair(3)
    assert pair.initiator.welcome(MESSAGES[3]) == welcome_of_vector()
    proposal, _ = pair.accepted
    assert pair.link.keys == proposal.link.keys
    parts = acceptance_parts(proposal.wallet_id, proposal.sponsor, pair.link)
    signature = PHONE_SIGNING.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
    assert signature == pair.link.acceptance


def test_a_welcome_that_was_wrapped_anew_opens_too() -> None:
    pair = Pair(3)
    fresh = pair.responder.welcome(welcome_of_vector())
    assert fresh != MESSAGES[3]
    assert len(fresh) == len(MESSAGES[3])
    assert pair.initiator.welcome(fresh) == welcome_of_vector()


@each("linking", "index")
def test_a_handshake_that_is_wrong_anywhere_fails_the_pairing(vector: Vector) -> None:
    index = vector["index"]
    secret = bytes.fromhex(vector.get("secret", RUN["secret"]))
    code_hash = bytes.fromhex(vector.get("keys_hash", RUN["keys_hash"]))
    message = bytes.fromhex(vector.get("message", RUN["messages"][index]))
    pair = Pair(index, secret=secret, code_hash=code_hash)
    with expecting(vector):
        pair.read(index, message)


@each("linking", "index")
def test_each_wrong_handshake_is_wrong_in_one_place(vector: Vector) -> None:
    index = vector["index"]
    Pair(index).read(index, MESSAGES[index])


@pytest.mark.parametrize("index", range(4), ids=["hello", "proposal", "acceptance", "welcome"])
def test_every_flipped_byte_of_a_linking_message_fails_the_pairing(index: int) -> None:
    pair = Pair(index)
    for at in range(len(MESSAGES[index])):
        changed = bytearray(MESSAGES[index])
        changed[at] ^= 1 << at % 8
        with pytest.raises(PairingFailed):
            pair.read(index, bytes(changed))


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("other", range(4))
def test_a_message_out_of_its_place_fails_the_pairing(index: int, other: int) -> None:
    if index == other:
        return
    with pytest.raises(PairingFailed):
        Pair(index).read(index, MESSAGES[other])
