"""Where an attack takes place: wallets, their devices and a lying server, under a virtual clock.

    stage = Stage("K01")
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    stage.settle()

Spec: 02-threat-model.md
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from billfold.authoring import Author, Authored
from billfold.device import DeviceSecrets
from billfold.document import FieldEdit, record_id
from billfold.events import Event
from billfold.evidence import welcome_beacon
from billfold.founding import NewReplica
from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import EpochId, EpochKey, ServerKey, WalletId
from billfold_protocol.key_hierarchy import open_back_links, open_wrap
from billfold_protocol.membership import (
    Kind,
    Link,
    MembershipChain,
    Role,
    Target,
    TargetKind,
    acceptance_parts,
)
from tests.support.adversaries.evil_server import EvilServer
from tests.support.canaries import Canaries
from tests.support.seeded_bytes import SeededBytes
from tests.support.simulation_clock import Clock, Weather
from tests.support.simulation_device import SimulatedDevice
from tests.support.simulation_server import Link as ServerLink

SETTLING_S = 60.0


@dataclass(frozen=True, slots=True)
class Picture:
    """What of a device an attack must not change."""

    state_hash: bytes
    vector: object
    chain: tuple[bytes, ...]
    keys: dict[EpochId, EpochKey]
    quarantined: frozenset[bytes]
    pins: dict[str, bytes | None]


class HonestDevice(SimulatedDevice):
    """A device that keeps everything it would have shown to its person."""

    stage: "Stage"

    def __init__(self, name: str, founded: NewReplica, *, stage: "Stage") -> None:
        self.shown: list[BillfoldError] = []
        self.events: list[Event] = []
        self.stage = stage
        self.is_deaf = False
        """Whether it takes nothing that the server says: somebody else speaks for it."""

        super().__init__(
            name, founded, clock=stage.clock, weather=stage.weather, server=stage.server
        )

    @property
    def wallet_id(self) -> WalletId:
        """The wallet."""
        return self.replica.wallet_id

    @property
    def connection(self) -> ServerLink:
        """The link to the server; there must be one."""
        assert self._link is not None
        return self._link

    def write(self, field: str, value: str | int) -> None:
        """Set a field of the one record that the devices of a wallet share."""
        self.edit([FieldEdit(record_of(self.wallet_id), field, value)])

    def read(self, field: str) -> object:
        """Return a field of that record, or None."""
        state = self.replica.document.field(record_of(self.wallet_id), field)
        return None if state is None else state.value

    def reconnect(self) -> None:
        """Lose the connection and find it again."""
        self.drop()
        self.go_online()

    def meets(self, server: EvilServer) -> None:
        """Go on with another server at the same address."""
        self.go_offline()
        self._server = server
        self.go_online()

    def heard(self, link: ServerLink, frame: bytes) -> None:
        """Take one frame, unless somebody else does."""
        if not self.is_deaf:
            super().heard(link, frame)

    def picture(self) -> Picture:
        """Return what an attack must not change."""
        replica = self.replica
        home = replica.state.home
        return Picture(
            state_hash=replica.state_hash(),
            vector=dict(replica.vector),
            chain=tuple(replica.core.chain.raws),
            keys=dict(replica.core.epoch_keys),
            quarantined=frozenset(replica.core.quarantined),
            pins={"home": None if home is None else home.server.key},
        )

    def _note(self, error: BillfoldError) -> None:
        self.shown.append(error)
        super()._note(error)

    def _heard_event(self, event: Event) -> None:
        self.events.append(event)
        super()._heard_event(event)


class Stage:
    """Wallets, devices and a server that is honest until it is told otherwise."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.clock = Clock()
        self.weather = Weather(Random(seed))
        self.weather.is_calm = True
        self.server = EvilServer(self.clock, self.weather, seed)
        self.canaries = Canaries(seed)
        self.devices: list[HonestDevice] = []
        self._bytes = SeededBytes(f"{seed}/stage")

    def found(self, name: str) -> HonestDevice:
        """Begin a wallet on its first device, online."""
        seed = f"{self.seed}/{name}"
        now_ms = int(self.clock.now_s * 1000)
        return self.join(name, NewReplica.create(SeededBytes(seed), now_ms=now_ms))

    def link(
        self, sponsor: HonestDevice, name: str, role: Role = Role.EDITOR, kind: Kind = Kind.DEVICE
    ) -> HonestDevice:
        """Let a member link a device; it begins with what the server gives it."""
        device_secrets = DeviceSecrets.generate(self._bytes)
        link = self.terms(sponsor, device_secrets, role, kind)
        self.propose(sponsor, lambda author: author.link(link))
        log = self.server.store.load_wallet(sponsor.wallet_id)
        assert log is not None
        chain = MembershipChain.load(log.members)
        wraps = self.server.store.read_wraps(
            sponsor.wallet_id, device_secrets.device_id, after_k=-1
        )
        key = device_secrets.unwrapping_key
        keys = dict(
            open_wrap(chain, wrap.k, device_secrets.device_id, key, wrap.raw) for wrap in wraps
        )
        founded = NewReplica(
            secrets=device_secrets,
            holder=sponsor.replica.core.holder,
            chain=chain,
            epoch_keys=open_back_links(chain, keys).keys,
            feed_salt=self._bytes(16),
            heard=((sponsor.device_id, self.welcome(sponsor)),),
        )
        return self.join(name, founded)

    def welcome(self, sponsor: HonestDevice) -> bytes:
        """Return what a device that is being linked is told of what its sponsor holds."""
        return welcome_beacon(sponsor.replica, ServerKey(self.server.key.public_key))

    def terms(
        self,
        sponsor: HonestDevice,
        device_secrets: DeviceSecrets,
        role: Role = Role.EDITOR,
        kind: Kind = Kind.DEVICE,
    ) -> Link:
        """Return the terms of an addition, which the new device has signed."""
        terms = Link(
            is_invite=False,
            keys=device_secrets.keys,
            holder=sponsor.replica.core.holder,
            role=role,
            kind=kind,
            session=self._bytes(16),
            acceptance=bytes(64),
            wrap_hash=bytes(32),
        )
        parts = acceptance_parts(sponsor.wallet_id, sponsor.device_id, terms)
        acceptance = device_secrets.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
        return Link(
            is_invite=False,
            keys=terms.keys,
            holder=terms.holder,
            role=role,
            kind=kind,
            session=terms.session,
            acceptance=acceptance,
            wrap_hash=terms.wrap_hash,
        )

    def revoke(self, author: HonestDevice, victim: SimulatedDevice) -> None:
        """Let a device revoke another, and let everybody hear of it."""
        target = Target(TargetKind.DEVICE, victim.device_id)
        self.propose(author, lambda author: author.revoke(target))

    def propose(self, author: SimulatedDevice, make: Callable[[Author], Authored]) -> None:
        """Have a membership entry appended.

        Raises:
            BillfoldError: it was refused.
        """
        answers: list[BaseException | None] = []
        author.propose(make, answers.append)
        self.settle()
        assert answers, "the membership entry was never answered"
        if answers[0] is not None:
            raise answers[0]

    def other_view(self) -> EvilServer:
        """Return the same server once more: one key, one past, another history from now on."""
        other = EvilServer(self.clock, self.weather, self.seed)
        other.roll_back(self.server.store.picture())
        return other

    def settle(self, duration_s: float = SETTLING_S) -> None:
        """Let everything happen that is due within some time."""
        self.clock.run_for(duration_s)

    def wallet(self, wallet_id: WalletId) -> list[HonestDevice]:
        """Return the devices of a wallet that are members."""
        return [
            device
            for device in self.devices
            if device.wallet_id == wallet_id and not device.replica.is_removed
        ]

    def secrets(self) -> Iterable[tuple[str, bytes]]:
        """Yield every secret that no server, wire or log may hold, with what it is."""
        for device in self.devices:
            seeds = codec.as_array(codec.decode(device.secrets.encode(), size_max=256))[1:]
            for number, seed in enumerate(seeds):
                yield f"seed {number} of {device}", codec.as_bytes(seed)
            for epoch, key in device.replica.core.epoch_keys.items():
                yield f"the key of epoch {epoch.hex()}", key

    def join(self, name: str, founded: NewReplica) -> HonestDevice:
        """Let a device begin with what it holds."""
        device = HonestDevice(f"{self.seed}/{name}", founded, stage=self)
        self.devices.append(device)
        self.settle()
        return device


def pair(seed: str) -> tuple[Stage, HonestDevice, HonestDevice]:
    """Return a stage with two devices of one wallet, which hold a few edits, settled."""
    stage = Stage(seed)
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    for number in range(3):
        laptop.write(f"laptop {number}", stage.canaries.next())
        phone.write(f"phone {number}", stage.canaries.next())
        stage.settle(5.0)
    return stage, laptop, phone


def record_of(wallet_id: WalletId) -> str:
    """Return the id of the record that all devices of a wallet write to."""
    return record_id(wallet_id, "login", "the one record")
