from collections.abc import Callable
from dataclasses import replace

import pytest

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.ids import ChainHead, WalletId
from billfold_protocol.messages import (
    Append,
    Challenge,
    ClientMessage,
    Compare,
    Ended,
    Fetch,
    Offer,
    Push,
    Register,
    SendBeacon,
    Subscribe,
    encode_client_message,
    proof_parts,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, show
from tests.support.adversaries.listening import Listening
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.seeded_bytes import bytes_of
from tests.support.simulation_server import ADDRESS

pytestmark = pytest.mark.attack("S16")

HARMLESS = Challenge | Ended
"""What a stranger may be told: who the server is, and one refusal for everything."""


def verbs(stage: Stage, phone: HonestDevice) -> dict[str, ClientMessage]:
    """Return everything that can be asked about a wallet, with true content."""
    wallet_id, state = phone.wallet_id, phone.replica.state
    entry = stage.server.store.entries(wallet_id)[-1].raw
    return {
        "append": Append(
            wallet_id=wallet_id, entry=bytes(phone.replica.core.chain.raws[-1]), wraps=()
        ),
        "push": Push(wallet_id=wallet_id, entries=(entry,)),
        "offer": Offer(wallet_id=wallet_id, entries=(entry,)),
        "compare": Compare(wallet_id=wallet_id, vector={}),
        "fetch": Fetch(wallet_id=wallet_id, feed=phone.replica.core.feed, from_seq=0, count=9),
        "beacon": SendBeacon(wallet_id=wallet_id, beacon=bytes(150)),
        "subscribe": Subscribe(
            wallet_id=wallet_id,
            device=phone.device_id,
            client_nonce=bytes(32),
            k=-1,
            head=ChainHead(bytes(16)),
            cursor=None,
            vector={},
            proof=bytes(64),
        ),
        "register": Register(
            wallet_id=wallet_id,
            device=phone.device_id,
            members=tuple(bytes(raw) for raw in phone.replica.core.chain.raws),
            wraps=(),
            token=None,
            proof=bytes(64),
        ),
        "state": Compare(wallet_id=WalletId(bytes(state.k) + bytes(32 - state.k)), vector={}),
    }


def knock(stage: Stage, name: str, *frames: Callable[[Challenge], bytes]) -> None:
    """Say something on a new connection; fail if a single row comes back."""
    outbox, relay = Listening(), stage.server.relay
    nonce = bytes_of(f"S16/{name}", 32)
    peer = relay.connect(outbox, nonce=nonce, origins=[ADDRESS], address="198.51.100.7")
    challenge = outbox.messages[0]
    assert isinstance(challenge, Challenge)
    for frame in frames:
        try:
            relay.receive(peer, frame(challenge))
        except RemoteProtocolError:
            break
        request = relay.next_read(peer)
        if request is not None:
            relay.read_done(request, request.run(stage.server.store))
    leaked = [message for message in outbox.messages if not isinstance(message, HARMLESS)]
    if leaked:
        raise Broken("secrets", f"{name} was given {type(leaked[0]).__name__}")
    relay.disconnect(peer)


def subscription(
    message: Subscribe, who: HonestDevice, **changes: object
) -> Callable[[Challenge], bytes]:
    """Return a subscription that somebody proves; `changes` are made after the proof."""

    def frame(challenge: Challenge) -> bytes:
        parts = proof_parts(challenge, ADDRESS, message)
        proof = who.secrets.signing_key.sign(Domain.SUBSCRIBE_SIGNATURE, *parts)
        signed = replace(message, proof=proof)
        return encode_client_message(replace(signed, **changes))  # type: ignore[arg-type]

    return frame


def saying(message: ClientMessage) -> Callable[[Challenge], bytes]:
    return lambda _challenge: encode_client_message(message)


async def test_no_request_without_its_own_proof_gets_a_row() -> None:
    stage, laptop, phone = pair("S16")
    tablet = stage.link(laptop, "tablet")
    stranger = stage.found("stranger")
    stage.revoke(laptop, tablet)
    asked = verbs(stage, phone)
    old = stage.server.answers.of(phone.device_id)[-1].heard[0]
    attack = Attack(stage, laptop, phone)
    rows = stage.server.store.everything()
    count = 0
    base = asked["subscribe"]
    assert isinstance(base, Subscribe)
    own = replace(base, wallet_id=stranger.wallet_id, device=stranger.device_id)
    theirs = replace(base, device=stranger.device_id)
    fakes: dict[str, list[Callable[[Challenge], bytes]]] = {
        "no proof": [],
        "a proof of another's key": [subscription(base, stranger)],
        "a member's name, a stranger's key": [subscription(base, tablet)],
        "a stranger in its own name": [subscription(theirs, stranger)],
        "an old proof": [lambda _challenge: old],
        "a proof for another body": [subscription(base, phone, k=0)],
        "a proof for another wallet": [subscription(own, stranger, wallet_id=phone.wallet_id)],
    }
    for name, before in fakes.items():
        for verb, message in asked.items():
            knock(stage, f"{name}, {verb}", *before, saying(message))
            count += 1
    if stage.server.store.everything() != rows:
        raise Broken("unchanged", "something was stored")
    show(f"{count} requests, 0 rows")
    attack.ends(shows=[])
