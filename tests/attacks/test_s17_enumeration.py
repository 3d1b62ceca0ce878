from dataclasses import replace
from random import Random

import pytest

from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.ids import ChainHead, DeviceId, WalletId
from billfold_protocol.messages import Subscribe, encode_client_message
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.listening import Listening
from tests.support.adversaries.stage import pair
from tests.support.simulation_server import ADDRESS

pytestmark = pytest.mark.attack("S17")

PROBES_COUNT = scaled(small=300, whole=10_000)
REFUSALS_COUNT = 200
STRANGER = "198.51.100.7"


async def test_a_probe_learns_nothing_about_which_wallets_there_are() -> None:
    stage, laptop, phone = pair("S17")
    quotas = replace(Quotas(), refusals_per_address_per_hour=REFUSALS_COUNT)
    stage.server.config = RelayConfig(quotas=quotas)
    stage.server.forget_all()
    stage.settle()
    attack = Attack(stage, laptop, phone)
    random, relay = Random(17), stage.server.relay
    answers: dict[bool, set[bytes]] = {True: set(), False: set()}
    closed_after: list[int] = []
    outbox = Listening()
    peer = relay.connect(outbox, nonce=bytes(32), origins=[ADDRESS], address=STRANGER)
    for number in range(PROBES_COUNT):
        is_known = number % 2 == 0
        wallet_id = phone.wallet_id if is_known else WalletId(random.randbytes(32))
        device = phone.device_id if number % 4 == 0 else DeviceId(random.randbytes(16))
        probe = Subscribe(
            wallet_id=wallet_id,
            device=device,
            client_nonce=random.randbytes(32),
            k=-1,
            head=ChainHead(bytes(16)),
            cursor=None,
            vector={},
            proof=random.randbytes(64),
        )
        before = len(outbox.frames)
        try:
            relay.receive(peer, encode_client_message(probe))
        except RemoteProtocolError:
            closed_after.append(number)
            relay.disconnect(peer)
            outbox = Listening()
            peer = relay.connect(outbox, nonce=bytes(32), origins=[ADDRESS], address=STRANGER)
            continue
        said = b"".join(outbox.frames[before:])
        answers[is_known].add(said.replace(wallet_id, bytes(32)))
    if answers[True] != answers[False] or len(answers[True]) != 1:
        raise Broken("secrets", "an answer tells whether a wallet is there")
    show(f"{PROBES_COUNT} probes, one answer")
    with named("error"):
        # From some number on, every further probe costs a connection.
        assert closed_after, "probes are without end"
    show("the rate ends the connection")
    attack.ends(shows=[])
