"""One attack on honest devices, and the five assertions that every row makes.

    attack = Attack(stage, phone)           # what the phone is now, is what it must stay
    stage.server.answers.tamper = ...
    phone.reconnect()
    attack.run()
    attack.ends(shows=[AuthFailed])         # the five assertions, one after the other

Spec: 02-threat-model.md
"""

import logging
from collections.abc import Collection, Iterable
from typing import ClassVar

from billfold_protocol.errors import BillfoldError
from tests.support.adversaries.findings import Broken, require_exactly, show
from tests.support.adversaries.stage import HonestDevice, Stage

ATTACK_S = 30.0
"""How long the devices live with an attack before they are looked at."""

HEALING_S = 240.0


class LogKeeper(logging.Handler):
    """Keeps every line that any part writes to a log."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(self.format(record))


class Attack:
    """From its making to `ends`, the server or a member does harm; other wallets are there too."""

    bystanders: ClassVar[tuple[str, str]] = ("bystander", "bystander's phone")

    def __init__(self, stage: Stage, *victims: HonestDevice) -> None:
        """Look at the victims as they are before; a wallet that nobody attacks is made beside."""
        self.stage = stage
        self.victims = victims
        self._log = LogKeeper()
        logging.getLogger().addHandler(self._log)
        first, second = self.bystanders
        self._bystander = stage.found(first)
        self._bystanding = stage.link(self._bystander, second)
        stage.settle()
        self._canaries = {device: stage.canaries.next() for device in stage.devices}
        self.pictures = {device: device.picture() for device in victims}
        self._shown_before = {device: len(device.shown) for device in stage.devices}
        show("nothing accepted, nothing lost")

    def run(self, duration_s: float = ATTACK_S) -> None:
        """Let the devices live with it for a while.

        Raises:
            Broken: something else than an error of ours came of it.
        """
        try:
            self.stage.settle(duration_s)
        except (AssertionError, BillfoldError):
            raise
        except Exception as error:
            raise Broken("error", f"{error!r} is no error of ours") from error

    def shown(self, device: HonestDevice) -> list[BillfoldError]:
        """Return what a device has shown since the attack began."""
        return device.shown[self._shown_before[device] :]

    def ends(
        self,
        *,
        shows: Iterable[type[BillfoldError]] = (),
        changes: Collection[HonestDevice] = (),
        heals: bool = True,
    ) -> None:
        """Make the five assertions; the server is honest again after the second.

        Args:
            shows: the exact errors that each victim must have shown, all of them and no other.
            changes: victims whose state may differ, because honest news came meanwhile.
            heals: whether the devices of the wallet end equal by themselves.

        Raises:
            Broken: one of the five does not hold.
        """
        try:
            self.require_error(shows)
            self.require_unchanged(changes)
            self.require_others()
            self.require_kept(heals=heals)
            self.require_no_secret()
        finally:
            logging.getLogger().removeHandler(self._log)

    def require_error(self, kinds: Iterable[type[BillfoldError]]) -> None:
        """Require the exact typed errors on every victim."""
        for victim in self.victims:
            require_exactly(self.shown(victim), kinds, victim)

    def require_unchanged(self, changes: Collection[HonestDevice] = ()) -> None:
        """Require that nothing was accepted: state, pins and keys are what they were."""
        for victim, before in self.pictures.items():
            if victim not in changes and victim.picture() != before:
                names = [
                    name
                    for name in before.__slots__
                    if getattr(before, name) != getattr(victim.picture(), name)
                ]
                raise Broken("unchanged", f"{names} of {victim} changed")

    def require_others(self) -> None:
        """Require that a wallet that nobody attacks syncs while the attack goes on."""
        canary = self.stage.canaries.next()
        self._bystander.write("meanwhile", canary)
        self.stage.settle()
        if self._bystanding.read("meanwhile") != canary:
            raise Broken("others", "another wallet did not sync meanwhile")

    def require_kept(self, *, heals: bool = True) -> None:
        """Require that what was edited under attack is there and reaches the others after it."""
        members = [d for victim in self.victims for d in self.stage.wallet(victim.wallet_id)]
        writers = [device for device in dict.fromkeys(members) if device.replica.core.may_write]
        for device in writers:
            device.write(field_of(device), self._canaries.get(device, "new"))
        self.stage.settle()
        self.stage.server.answers.tamper = None
        for device in dict.fromkeys(members):
            device.reconnect()
        self.stage.settle(HEALING_S)
        for device in dict.fromkeys(members):
            for writer in writers:
                if writer is not device and not heals:
                    continue
                canary = self._canaries.get(writer, "new")
                if device.read(field_of(writer)) != canary:
                    raise Broken("kept", f"an edit of {writer} is not on {device}")
        if heals and len({device.replica.state_hash() for device in members}) > 1:
            raise Broken("kept", "the devices are not equal after the attack")

    def require_no_secret(self) -> None:
        """Require that no canary and no key is in the server's store, on the wire or in a log."""
        stage = self.stage
        places = {
            "the server's store": stage.server.store.everything(),
            "the wire": b"\n".join(stage.server.answers.wire()),
            "a log": "\n".join(self._log.lines).encode(),
            "an error": "\n".join(f"{e} {e!r}" for d in stage.devices for e in d.shown).encode(),
        }
        for place, haystack in places.items():
            if stage.canaries.found_in(haystack):
                raise Broken("secrets", f"a canary is in {place}")
            for what, secret in stage.secrets():
                if secret in haystack or secret.hex().encode() in haystack:
                    raise Broken("secrets", f"{what} is in {place}")


def field_of(device: HonestDevice) -> str:
    """Return the field that a device writes while it is attacked."""
    return f"written by {device.device_id.hex()}"
