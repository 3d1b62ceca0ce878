import faulthandler
import tempfile
import traceback
from pathlib import Path
from random import Random

import pytest

from billfold_protocol.errors import BillfoldError
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, scaled, show
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import HonestDevice, Stage

pytestmark = pytest.mark.attack("M05")

ERRORS_COUNT = scaled(small=40, whole=200)


def everything_printable(device: HonestDevice) -> list[str]:
    """Return how a device's objects show themselves to a log or a debugger."""
    core = device.replica.core
    shown: list[object] = [
        device.secrets,
        device.secrets.signing_key,
        device.secrets.unwrapping_key,
        device.secrets.sealer,
        device.replica,
        device.store,
        device.store.load(),
        core.chain,
        core.graph,
        core.document,
        core.secrets,
        *device.store.read_quarantined(),
        *core.chain.entries,
        device.events,
        device.shown,
    ]
    return [text for item in shown for text in (repr(item), str(item))]


def dumped_stack() -> str:
    """Return what the interpreter writes about all threads when it is killed by a signal."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return file.read()


def require_nothing_secret(stage: Stage, places: dict[str, str]) -> None:
    for place, text in places.items():
        haystack = text.encode()
        if stage.canaries.found_in(haystack):
            raise Broken("secrets", f"a canary is in {place}")
        for what, secret in stage.secrets():
            forms = (secret, secret.hex().encode(), repr(secret)[2:-1].encode())
            if any(form in haystack for form in forms):
                raise Broken("secrets", f"{what} is in {place}")


async def test_no_error_log_or_dump_holds_a_secret() -> None:
    stage, laptop, phone, mallory = with_mallory("M05")
    attack = Attack(stage, phone)
    random = Random(5)
    for number in range(ERRORS_COUNT):
        raw = mallory.entry(
            plaintext=random.randbytes(40), changes=[], ciphertext=random.randbytes(280)
        )
        stage.server.answers.inject(phone.device_id, mallory.carries(raw))
        if number % 10 == 0:
            laptop.write("field", stage.canaries.next())
            stage.settle(2.0)
    attack.run()
    stacks: list[str] = []
    for error in phone.shown:
        assert isinstance(error, BillfoldError)
        stacks += traceback.format_exception(error)
    command = Path("/proc/self/cmdline").read_bytes() + Path("/proc/self/environ").read_bytes()
    places = {
        "a representation": "\n".join(
            text for device in (laptop, phone) for text in everything_printable(device)
        ),
        "a traceback": "".join(stacks),
        "a dump": dumped_stack(),
        "the command line or the environment": command.decode(errors="replace"),
    }
    require_nothing_secret(stage, places)
    show(f"{len(phone.shown)} errors, 0 hits")
    kinds = {type(error) for error in attack.shown(phone)}
    attack.ends(shows=kinds, changes=[phone], heals=False)
