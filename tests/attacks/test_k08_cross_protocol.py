from itertools import permutations

import pytest

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import check_signature
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    CommitMismatch,
    Downgrade,
    Malformed,
    PeerPoison,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.messages import (
    Appended,
    Entries,
    HeardBeacon,
    Members,
    Pushed,
    Rejected,
    SendBeacon,
    ServerMessage,
    Subscribe,
    Subscribed,
    Wraps,
    parse_client_message,
    parse_server_message,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, refused, show
from tests.support.adversaries.mallory import following
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("K08")

REFUSALS = (
    AuthFailed,
    CommitMismatch,
    Downgrade,
    Malformed,
    PeerPoison,
    UnsignedMember,
    WrongContext,
)
SIGNATURES = [domain for domain in Domain if domain.value.startswith(b"billfold/v1/sign/")]
SLOTS = ("membership", "wrap", "entry", "ack", "rejection", "appended", "beacon", "checkpoint")


def objects(stage: Stage, device: HonestDevice) -> dict[str, bytes]:
    """Return one true object of each kind that passed, signed or sealed as it must be."""
    found: dict[str, bytes] = {
        "membership": bytes(device.replica.core.chain.raws[-1]),
        "entry": stage.server.store.entries(device.wallet_id)[-1].raw,
        "wrap": stage.server.store.wraps(device.wallet_id)[-1].raw,
    }
    for outbox in stage.server.answers.outboxes:
        for frame in outbox.said:
            match parse_server_message(frame):
                case Subscribed(checkpoint=raw):
                    found["checkpoint"] = raw
                case Pushed(ack=raw):
                    found["ack"] = raw
                case Appended(checkpoint=raw):
                    found["appended"] = raw
                case _:
                    pass
        for frame in outbox.heard:
            match parse_client_message(frame):
                case SendBeacon(beacon=raw):
                    found["beacon"] = raw
                case Subscribe() as message:
                    found["proof"] = message.proof + message.signed_fields()
                case _:
                    pass
    return found


def in_slot(slot: str, device: HonestDevice, raw: bytes) -> ServerMessage:
    """Return the message that carries bytes where another kind belongs."""
    wallet_id, k = device.wallet_id, device.replica.state.k
    match slot:
        case "membership":
            return Members(wallet_id=wallet_id, k=k + 1, entries=(raw,))
        case "wrap":
            return Wraps(wallet_id=wallet_id, wraps=((k, device.device_id, raw),))
        case "entry":
            return Entries(wallet_id=wallet_id, n=0, entries=(raw,))
        case "ack":
            return Pushed(wallet_id=wallet_id, ack=raw)
        case "rejection":
            return Rejected(wallet_id=wallet_id, rejection=raw)
        case "appended":
            return Appended(wallet_id=wallet_id, checkpoint=raw)
        case "beacon":
            return HeardBeacon(wallet_id=wallet_id, beacon=raw)
        case _:
            return Subscribed(wallet_id=wallet_id, checkpoint=raw, entries_count=0)


async def test_what_was_signed_or_sealed_for_one_purpose_serves_no_other() -> None:
    stage, laptop, phone = pair("K08")
    kinds = objects(stage, phone)
    assert set(kinds) == {*SLOTS, "proof"} - {"rejection"}
    attack = Attack(stage, phone)
    pairs = [(kind, slot) for kind in kinds for slot in SLOTS if kind != slot]
    silent: list[tuple[str, str]] = []
    for kind, slot in pairs:
        if (kind, slot) in {("appended", "checkpoint"), ("checkpoint", "appended")}:
            continue  # One statement in two messages; the nonce tells which is fresh, see S03.
        before = len(phone.shown)
        with_bytes = in_slot(slot, phone, kinds[kind])
        stage.server.answers.inject(phone.device_id, with_bytes)
        stage.settle(5.0)
        shown = {type(error) for error in phone.shown[before:]}
        if not shown:
            silent.append((kind, slot))
        elif not shown <= set(REFUSALS):
            raise Broken("error", f"{kind} as {slot} gave {shown}")
    show(f"{len(pairs)} pairs", AuthFailed, WrongContext, Malformed)
    with named("error"):
        # Whose beacon it is, is found by trying every member's key; one that is nobody's says
        # nothing. Everything else is refused aloud.
        assert {slot for _, slot in silent} <= {"beacon"}
    phone.shown.clear()
    attack.victims = (laptop,)
    attack.require_unchanged()
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()


async def test_a_signature_holds_under_its_own_label_only() -> None:
    _stage, laptop, _phone = pair("K08/labels")
    key = laptop.secrets.signing_key
    for made, claimed in permutations(SIGNATURES, 2):
        signature = key.sign(made, b"context", b"body")
        check_signature(key.public_key, signature, made, b"context", b"body")
        with refused(AuthFailed):
            check_signature(key.public_key, signature, claimed, b"context", b"body")


async def test_a_proof_that_a_server_asked_for_signs_nothing_else() -> None:
    """The server chooses the nonce; whatever it chooses, the proof is no entry's signature."""
    stage, _laptop, phone = pair("K08/challenge")
    attack = Attack(stage, phone)
    entry = stage.server.store.entries(phone.wallet_id)[-1].raw
    proofs = [
        message.proof
        for outbox in stage.server.answers.of(phone.device_id)
        for message in outbox.messages
        if isinstance(message, Subscribe)
    ]
    changed = following(entry, phone.wallet_id)
    for proof in proofs:
        for body in (changed, entry[64:]):
            for domain in SIGNATURES:
                if domain is Domain.SUBSCRIBE_SIGNATURE:
                    continue
                try:
                    check_signature(
                        phone.secrets.keys.signing, proof, domain, phone.wallet_id, body
                    )
                except BillfoldError:
                    continue
                raise Broken("error", f"a proof signs a {domain.name}")
        stage.server.answers.inject(
            phone.device_id, Entries(wallet_id=phone.wallet_id, n=0, entries=(proof + changed,))
        )
    attack.run()
    attack.ends(shows=[AuthFailed])
