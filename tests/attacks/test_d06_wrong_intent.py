import asyncio
from pathlib import Path

import pytest

from billfold import DeviceAdded, Wallet
from billfold_protocol.errors import InputError, PairingFailed, WrongContext
from billfold_protocol.linking import LinkingCode, split_code
from billfold_protocol.messages import Append
from tests.support.adversaries.findings import named, refused
from tests.support.adversaries.pairing import Middle, attempt
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.linked_wallets import UNLOCK

pytestmark = pytest.mark.attack("D06")

OTHER_CODES = (
    "https://wallet.example/pay",
    "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP",
    "sgnl://linkdevice?uuid=1&pub_key=2",
    "openid4vp://?client_id=x",
    "billfold://link",
    "billfold-link",
    "7-crossbow-paris-velvet",
    "",
)


async def test_a_linking_code_links_and_does_nothing_else(tmp_path: Path) -> None:
    async with socket_stage("D06", tmp_path) as stage:
        laptop, phone = await stage.pair()
        uri = LinkingCode(
            address=stage.net.address, rendezvous=bytes(16), keys_hash=bytes(32), secret=bytes(32)
        ).uri()
        for code in OTHER_CODES:
            with refused(WrongContext):
                await laptop.link_device(code, confirm=lambda _: True)
        with refused(InputError):
            split_code(uri)
        with refused(InputError):
            await Wallet.create(tmp_path / "made", unlock=UNLOCK, server=uri)
        with refused(InputError):
            await laptop.connect(uri)
        # Without the person's word nothing is signed.
        ended = await attempt(
            tmp_path / "declined", laptop, stage.net.address, Middle(), is_confirmed=False
        )
        with named("error"):
            assert ended.errors == [PairingFailed, PairingFailed]
        with named("secrets"):
            device = bytes.fromhex(laptop.status().device)
            said = [
                message
                for outbox in stage.server.answers.outboxes
                if outbox.device == device
                for message in outbox.messages
            ]
            # One addition was appended: that of the phone, in the beginning.
            assert len([message for message in said if isinstance(message, Append)]) == 1
        await stage.ends()
        with phone.events() as events:
            await stage.home.link("tablet", laptop)
            async with asyncio.timeout(30.0):
                async for event in events:
                    if isinstance(event, DeviceAdded):
                        break
        with named("error"):
            assert len(phone.devices()) == 3
