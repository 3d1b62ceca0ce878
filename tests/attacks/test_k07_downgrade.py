from collections.abc import Callable

import pytest

from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Downgrade, StaleServer
from billfold_protocol.feed import parse_entry
from billfold_protocol.messages import (
    Challenge,
    Entries,
    Members,
    Push,
    ServerMessage,
    Subscribed,
    parse_client_message,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to
from tests.support.adversaries.findings import named
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("K07")

VERSIONS = (0, 2, 255)
SIGNATURE_SIZE = 64


def with_version(stage: Stage, raw: bytes, version: int, *, is_signed_anew: bool) -> bytes:
    """Return signed bytes that say that they are of another version."""
    fields = codec.as_array(codec.decode(raw[SIGNATURE_SIZE:], size_max=10**6))
    body = codec.encode([version, *fields[1:]])
    if not is_signed_anew:
        return raw[:SIGNATURE_SIZE] + body
    # The server's own statements it can sign as it likes.
    return stage.server.key.sign(Domain.CHECKPOINT_SIGNATURE, body) + body


def older(stage: Stage, kind: type[ServerMessage], version: int) -> Callable[..., list[Answer]]:
    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if type(message) is not kind:
            return [message]
        match message:
            case Challenge():
                return [
                    Challenge(
                        version=version,
                        nonce=message.nonce,
                        server_key=message.server_key,
                        instance=message.instance,
                    )
                ]
            case Entries(wallet_id=wallet_id, n=n):
                raws = tuple(
                    with_version(stage, raw, version, is_signed_anew=False)
                    for raw in message.entries
                )
                return [Entries(wallet_id=wallet_id, n=n, entries=raws)]
            case Members(wallet_id=wallet_id, k=k):
                raws = tuple(
                    with_version(stage, raw, version, is_signed_anew=False)
                    for raw in message.entries
                )
                return [Members(wallet_id=wallet_id, k=k, entries=raws)]
            case Subscribed(wallet_id=wallet_id, checkpoint=checkpoint):
                changed = with_version(stage, checkpoint, version, is_signed_anew=True)
                count = message.entries_count
                return [Subscribed(wallet_id=wallet_id, checkpoint=changed, entries_count=count)]
            case _:
                raise AssertionError

    return tamper


def require_no_old_format(stage: Stage, *devices: HonestDevice) -> None:
    """Require that no device wrote anything in the form that the server claimed to want."""
    for device in devices:
        for outbox in stage.server.answers.of(device.device_id):
            for frame in outbox.heard:
                message = parse_client_message(frame)
                if isinstance(message, Push):
                    for raw in message.entries:
                        assert parse_entry(raw, device.wallet_id).body[1] == 1


@pytest.mark.parametrize("kind", [Challenge, Subscribed, Members, Entries])
@pytest.mark.parametrize("version", VERSIONS)
async def test_bytes_of_an_older_or_unknown_version_are_refused(
    kind: type[ServerMessage], version: int
) -> None:
    stage, laptop, phone = pair(f"K07/{kind.__name__}/{version}")
    phone.go_offline()
    laptop.write("meanwhile", stage.canaries.next())
    if kind is Members:
        stage.propose(laptop, lambda author: author.rotate())
    stage.settle()
    attack = Attack(stage, phone)
    tamper = older(stage, kind, version)
    # The challenge comes before the device has said who it is.
    stage.server.answers.tamper = tamper if kind is Challenge else only_to(phone.device_id, tamper)
    phone.go_online()
    attack.run(3.0)
    if kind is Challenge:
        stage.server.answers.tamper = None
    # That an entry is kept from the phone shows too: the laptop's beacon names it.
    hidden = [StaleServer] if kind is Entries else []
    attack.ends(shows=[Downgrade, *hidden], changes=[phone] if kind is Challenge else [])
    with named("secrets"):
        require_no_old_format(stage, laptop, phone)
