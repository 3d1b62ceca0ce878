"""A whole wallet in one thread: devices, a server, bad luck, and what must be true in the end.

    World(seed).run()      # raises AssertionError with the command that repeats it

Spec: 21-sync.md
"""

from collections.abc import Callable
from random import Random

from billfold.authoring import Author, Authored
from billfold.device import DeviceSecrets
from billfold.document import (
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Trash,
    random_record_id,
)
from billfold.founding import NewReplica
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import WalletId
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
from tests.support.seeded_bytes import SeededBytes
from tests.support.simulation_checks import check_end, check_revoked
from tests.support.simulation_clock import Clock, Weather
from tests.support.simulation_device import SimulatedDevice
from tests.support.simulation_server import SimulatedServer

DEVICES_COUNT_MAX = 6
STEPS_MAX = 60_000
"""What may happen after the last action before the devices count as never at rest."""

FIELDS = ("alpha", "beta", "gamma")
TEXTS = ("", "one", "one two", "three\ntwo", "ö" * 20, "two")


def hurry(device: SimulatedDevice, units_min: int) -> None:
    """Let a device make snapshots after so many entries already."""
    device.tail_units_min = device.replica.snapshots.pace.units_min = units_min


class World:
    """One wallet's devices and its server, from one seed."""

    option = ""
    """What `python -m tests.simulation` needs to make a world of this kind."""

    def __init__(self, seed: int, *, grace_s: int | None = None, units_min: int = 500) -> None:
        """Begin.

        Args:
            seed: decides everything that happens.
            grace_s: after how long servers prune; None for never.
            units_min: after how many entries a snapshot is due.
        """
        self.seed = seed
        self._grace_s, self._units_min = grace_s, units_min
        self.random = Random(seed)
        self.clock = Clock()
        self.weather = Weather(Random(seed + 1))
        self.server = SimulatedServer(
            self.clock, self.weather, f"simulation/{seed}", grace_s=grace_s
        )
        self.devices: list[SimulatedDevice] = []
        bytes_ = SeededBytes(f"simulation/{seed}")
        self.records = [random_record_id(bytes_(16)) for _ in range(4)]
        founded = NewReplica.create(bytes_, now_ms=int(self.clock.now_s * 1000))
        self.wallet_id: WalletId = founded.chain.wallet_id
        self._add_device(founded)

    def run(self, actions_count: int = 120) -> "World":
        """Do random things, then let everything come to rest, then check.

        Raises:
            AssertionError: an invariant does not hold; the message says how to repeat it.
        """
        try:
            # The first meeting with a server may end at any moment.
            self.weather.slow_disk_probability = 0.3
            for _ in range(self.random.randrange(4)):
                self.clock.run_for(self.random.uniform(0.0, 1.5))
                self.random.choice((self.devices[0].crash, self.server.crash))()
            self.clock.run_for(60.0)
            self.weather.slow_disk_probability = 0.02
            # A wallet of several devices is the interesting case; get there soon.
            for _ in range(3):
                self.link_a_device()
                self.clock.run_for(5.0)
            for _ in range(actions_count):
                self._act()
                if self._grace_s is not None:
                    self.server.compact()
                self.clock.run_for(self.random.choice((0.0, 0.01, 0.1, 1.0, 10.0)))
            self._end_with_a_removal()
            self.come_to_rest()
            check_end(self)
            check_revoked(self)
        except Exception as error:
            command = f"python -m tests.simulation{self.option} --from {self.seed} --seeds 1"
            raise AssertionError(f"seed {self.seed}: {error!r}; repeat with: {command}") from error
        return self

    def _act(self) -> None:
        device = self.random.choice(self.devices)
        actions: list[tuple[int, Callable[[], None]]] = [
            (50, lambda: device.edit(self._draw_edits())),
            (6, device.drop),
            (4, device.crash),
            (6, device.go_offline),
            (10, lambda: self._back_online(device)),
            (2, self.server.crash),
            (3, self._partition),
            (3, self.link_a_device),
            (3, lambda: self._revoke(device)),
            (2, self._revoke_from_two_sides),
            (3, lambda: self._replace(device)),
            (6, lambda: self._race_a_removal(device)),
            (3, lambda: device.propose(lambda author: author.rotate())),
            (4, lambda: self._set_role(device)),
            (4, lambda: self._back_up(device)),
            (5, device.restore),
        ]
        weights = [weight for weight, _ in actions]
        self.random.choices([action for _, action in actions], weights)[0]()

    def _draw_edits(self) -> list[Edit]:
        return [self._draw_edit() for _ in range(self.random.choice((1, 1, 1, 2, 5)))]

    def _draw_edit(self) -> Edit:
        record, number = self.random.choice(self.records), self.random.randrange(5)
        match self.random.randrange(12):
            case 0:
                return EditText(record, self.random.choice(TEXTS))
            case 1:
                return Trash(record)
            case 2:
                return Restore(record)
            case 3:
                return FieldEdit(record, f"tags/{number}", self.random.choice((True, False)))
            case 4:
                return RemoveField(record, self.random.choice(FIELDS))
            case 5 if self.random.random() < 0.1:
                return Purge(record)
            case 6:
                added = random_record_id(self.random.randbytes(16))
                return FieldEdit(added, "type", "login")
            case _:
                return FieldEdit(record, self.random.choice(FIELDS), number)

    def _back_online(self, device: SimulatedDevice) -> None:
        if device.is_up and not device.replica.is_removed:
            device.go_online()

    def _back_up(self, device: SimulatedDevice) -> None:
        """Copy a device, often just when it has made an edit that nobody else has."""
        if self.random.random() < 0.3:
            device.go_offline()
        added = random_record_id(self.random.randbytes(16))
        device.edit([FieldEdit(added, "type", "login")])
        self.clock.run_for(self.random.choice((0.0, 0.05, 0.5)))
        device.back_up()

    def _partition(self) -> None:
        """Take some devices away from the server, or bring all back."""
        for device in self.devices:
            if self.random.random() < 0.5:
                device.go_offline()
            else:
                self._back_online(device)

    def _revoke(self, author: SimulatedDevice) -> None:
        others = [device for device in self.devices if device is not author]
        if len(self._remaining()) < 3 or not others:
            return
        kind = self.random.choice((TargetKind.DEVICE, TargetKind.DEVICE_AND_LINKED))
        target = Target(kind, self.random.choice(others).device_id)
        self._propose_checked(author, lambda author: author.revoke(target), target)

    def _replace(self, device: SimulatedDevice) -> None:
        """Give a device new keys, which another one confirms while both are anywhere."""
        others = [other for other in self._remaining() if other is not device and other.is_up]
        if not device.is_up or device.replica.is_removed or not others:
            return
        wanted = device.ask_for_keys()
        self.clock.run_for(self.random.choice((0.0, 0.1, 5.0)))
        self.random.choice(others).propose(lambda author: author.replace(wanted))

    def _revoke_from_two_sides(self) -> None:
        """Let two devices revoke at once: one another, or the same third."""
        if len(self._remaining()) < 4:
            return
        left, right = self.random.sample(self.devices, 2)
        for author, victim in ((left, right), (right, left)):
            target = Target(TargetKind.DEVICE, victim.device_id)
            self._propose_checked(author, self._revoke_of(target), target)

    def _race_a_removal(self, author: SimulatedDevice) -> None:
        """Let a device lose its rights while its edits are on their way to everybody."""
        victim = self.random.choice(self.devices)
        for _ in range(self.random.randrange(1, 4)):
            victim.edit(self._draw_edits())
            self.clock.run_for(self.random.uniform(0.0, 0.2))
        me = author.replica.core.member
        if me is None or author is victim:
            return
        if me.role is Role.OWNER and self.random.random() < 0.7:
            author.propose(lambda author: author.set_role(victim.device_id, Role.VIEWER))
        elif len(self._remaining()) > 2:
            target = Target(TargetKind.DEVICE, victim.device_id)
            self._propose_checked(author, self._revoke_of(target), target)
        for _ in range(self.random.randrange(3)):
            self.clock.run_for(self.random.uniform(0.0, 0.2))
            victim.edit(self._draw_edits())

    def _end_with_a_removal(self) -> None:
        """Let the last that happens be a removal, so that no later edit settles what it cut."""
        for device in self.devices:
            self._back_online(device)
        self.clock.run_for(120.0)
        owners = [
            device
            for device in self._remaining()
            if (member := device.replica.core.member) and member.role is Role.OWNER
        ]
        self._race_a_removal(self.random.choice(owners or self.devices))

    @staticmethod
    def _revoke_of(target: Target) -> Callable[[Author], Authored]:
        return lambda author: author.revoke(target)

    def _propose_checked(
        self, device: SimulatedDevice, make: Callable[[Author], Authored], target: Target
    ) -> None:
        """Ask as `Household.revoke` does: what this device knows to be refused is not sent."""
        if not device.is_up:
            return
        try:
            device.replica.check_revoke(target)
        except BillfoldError:
            return
        device.propose(make)

    def _set_role(self, author: SimulatedDevice) -> None:
        device = self.random.choice(self.devices)
        role = self.random.choice((Role.VIEWER, Role.EDITOR, Role.OWNER))
        me = author.replica.core.member
        if me is not None and me.role is Role.OWNER and device is not author:
            author.propose(lambda author: author.set_role(device.device_id, role))

    def link_a_device(self) -> None:
        """Let a member link a device, as the two do after they met."""
        sponsor = self.random.choice(self.devices)
        member = sponsor.replica.core.member
        if member is None or len(self.devices) >= DEVICES_COUNT_MAX:
            return
        roles = [role for role in Role if role.rank <= member.role.rank]
        self.link(sponsor, self.random.choice(roles))

    def link(self, sponsor: SimulatedDevice, role: Role) -> None:
        """Let a member link a device; it appears once the server has taken the entry."""
        bytes_ = SeededBytes(f"simulation/{self.seed}/{len(self.devices)}/{self.clock.now_s}")
        secrets = DeviceSecrets.generate(bytes_)
        link = Link(
            is_invite=False,
            keys=secrets.keys,
            holder=sponsor.replica.core.holder,
            role=role,
            kind=Kind.DEVICE,
            session=bytes_(16),
            acceptance=bytes(64),
            wrap_hash=bytes(32),
        )
        parts = acceptance_parts(self.wallet_id, sponsor.device_id, link)
        accepted = Link(
            is_invite=False,
            keys=link.keys,
            holder=link.holder,
            role=link.role,
            kind=link.kind,
            session=link.session,
            acceptance=secrets.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts),
            wrap_hash=link.wrap_hash,
        )

        def done(error: BaseException | None) -> None:
            if error is None and len(self.devices) < DEVICES_COUNT_MAX:
                self._join(secrets, sponsor, bytes_(16))

        sponsor.propose(lambda author: author.link(accepted), done)

    def _join(self, secrets: DeviceSecrets, sponsor: SimulatedDevice, feed_salt: bytes) -> None:
        """Begin on the new device with what the server gives it."""
        log = self.server.store.load_wallet(self.wallet_id)
        assert log is not None
        chain = MembershipChain.load(log.members)
        wraps = self.server.store.read_wraps(self.wallet_id, secrets.device_id, after_k=-1)
        keys = dict(
            open_wrap(chain, wrap.k, secrets.device_id, secrets.unwrapping_key, wrap.raw)
            for wrap in wraps
        )
        founded = NewReplica(
            secrets=secrets,
            holder=sponsor.replica.core.holder,
            chain=chain,
            epoch_keys=open_back_links(chain, keys).keys,
            feed_salt=feed_salt,
        )
        self._add_device(founded)

    def _add_device(self, founded: NewReplica) -> None:
        device = SimulatedDevice(
            f"{self.seed}/{len(self.devices)}",
            founded,
            clock=self.clock,
            weather=self.weather,
            server=self.server,
            # Clocks are years off: time decides nothing.
            skew_s=self.random.choice((0.0, 0.0, -1e9, 1e9, 3600.0)),
        )
        hurry(device, self._units_min)
        if self._grace_s is not None:
            device.forget_after(self._grace_s)
        self.devices.append(device)

    def _remaining(self) -> list[SimulatedDevice]:
        return [device for device in self.devices if not device.replica.is_removed]

    def come_to_rest(self) -> None:
        self.weather.is_calm = True
        assert self.clock.run_dry(STEPS_MAX), "the devices are never at rest"
        for device in self.devices:
            self._back_online(device)
        assert self.clock.run_dry(STEPS_MAX), "the devices are never at rest"
