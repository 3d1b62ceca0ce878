"""A calm wallet under a virtual clock, for what snapshots do from their making to the pruning.

    scene = SnapshotScene(1)
    scene.edit(0, 30)                 # thirty entries of the first device
    phone = scene.join()              # a device that begins with what the server gives it

Spec: 16-snapshots.md
"""

from copy import deepcopy

from billfold.document import FieldEdit, random_record_id
from billfold_protocol.errors import BillfoldError
from billfold_protocol.membership import Role
from billfold_server.snapshots import Held
from billfold_server.store import MemoryLogStore
from billfold_server.wallet_log import ActiveWallet
from tests.support.simulation import World
from tests.support.simulation_device import SimulatedDevice

DAY_S = 24 * 3600
UNITS_MIN = 8
"""Entries after which a snapshot is due here: few, so that scenes stay small."""


class SnapshotScene(World):
    """A wallet on whose network and disks nothing breaks."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed, grace_s=7 * DAY_S, units_min=UNITS_MIN)
        self.weather.is_calm = True
        self.settle()

    def settle(self) -> None:
        """Let everything come to rest."""
        assert self.clock.run_dry(60_000), "never at rest"

    def edit(self, index: int, count: int) -> None:
        """Let a device make so many entries, one after the other."""
        for number in range(count):
            record = random_record_id(self.random.randbytes(16))
            self.devices[index].edit([FieldEdit(record, "type", f"note {number}")])
            self.settle()

    def join(self, role: Role = Role.OWNER, sponsor: int = 0) -> SimulatedDevice:
        """Link a device and let it catch up."""
        count = len(self.devices)
        self.link(self.devices[sponsor], role)
        self.settle()
        assert len(self.devices) == count + 1
        return self.devices[-1]

    @property
    def wallet(self) -> ActiveWallet:
        """The wallet as the server judges it."""
        return self.server.relay.wallet(self.wallet_id)

    @property
    def held(self) -> list[Held]:
        """The snapshots that the server holds, the oldest first."""
        return self.wallet.shelf.durable

    @property
    def entries_count(self) -> int:
        """How many entries the server holds."""
        everything = {"after_n": 0, "count_max": 1_000_000, "size_max": 1 << 40}
        return len(self.server.store.read_entries(self.wallet_id, **everything))

    def wait_days(self, days: float) -> None:
        """Let time pass, and the server do what is due."""
        self.clock.run_for(days * DAY_S)
        self.server.compact()
        self.settle()

    def replace_store(self, store: MemoryLogStore) -> None:
        """Put another store in the place of the server's, as an operator restores a backup."""
        self.server.crash()
        self.server.store = store
        self.settle()

    @property
    def complaints(self) -> list[BillfoldError]:
        """What any device has complained of."""
        return [error for device in self.devices for error in device.complaints]

    def assert_equal(self) -> None:
        """Check that all devices hold the same."""
        assert len({device.replica.state_hash() for device in self.devices}) == 1
        assert len({tuple(sorted(d.replica.vector.items())) for d in self.devices}) == 1


def copy_of(store: MemoryLogStore) -> MemoryLogStore:
    """Return a store that holds what another one does now, as a backup of its file has it."""
    copy = MemoryLogStore()
    tables = {name: value for name, value in vars(store).items() if name != "_lock"}
    vars(copy).update(deepcopy(tables))
    return copy
