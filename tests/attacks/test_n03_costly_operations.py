import time
from dataclasses import replace
from random import Random

import pytest

from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.ids import ChainHead
from billfold_protocol.messages import Register, Subscribe, encode_client_message
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, scaled, show
from tests.support.adversaries.listening import Listening
from tests.support.adversaries.stage import pair
from tests.support.simulation_server import ADDRESS

pytestmark = pytest.mark.attack("N03")

TRIES_COUNT = scaled(small=400, whole=5000)
REFUSALS_COUNT = 100
ONE_TRY_S_MAX = 0.005


async def test_wrong_proofs_without_end_cost_the_server_little() -> None:
    stage, laptop, phone = pair("N03")
    quotas = replace(Quotas(), refusals_per_address_per_hour=REFUSALS_COUNT)
    stage.server.config = RelayConfig(quotas=quotas)
    stage.server.forget_all()
    stage.settle()
    attack = Attack(stage, laptop, phone)
    random, relay = Random(3), stage.server.relay
    began_s, closed_count = time.process_time(), 0
    for number in range(TRIES_COUNT):
        outbox = Listening()
        peer = relay.connect(outbox, nonce=bytes(32), origins=[ADDRESS], address="203.0.113.9")
        message: Subscribe | Register = Subscribe(
            wallet_id=phone.wallet_id,
            device=phone.device_id,
            client_nonce=random.randbytes(32),
            k=-1,
            head=ChainHead(bytes(16)),
            cursor=None,
            vector={},
            proof=random.randbytes(64),
        )
        if number % 2:
            message = Register(
                wallet_id=phone.wallet_id,
                device=phone.device_id,
                members=(random.randbytes(400),),
                wraps=(),
                token=None,
                proof=random.randbytes(64),
            )
        try:
            relay.receive(peer, encode_client_message(message))
        except RemoteProtocolError:
            closed_count += 1
        relay.disconnect(peer)
    spent_s = (time.process_time() - began_s) / TRIES_COUNT
    if spent_s > ONE_TRY_S_MAX:
        raise Broken("others", f"a wrong proof costs {spent_s * 1000:.1f} ms")
    if closed_count < TRIES_COUNT // 2 - REFUSALS_COUNT:
        raise Broken("error", f"only {closed_count} of {TRIES_COUNT} tries cost a connection")
    show(f"{TRIES_COUNT} tries, {closed_count} connections closed")
    attack.ends(shows=[])
