"""A wallet one of whose devices lies: a copy of it writes other entries at the places of its feed.

The copy never meets the server. It hands its entries to some devices, and in the end to all.

Spec: 15-feeds.md
"""

from billfold.document import FieldEdit, base_merge_kinds
from billfold.founding import NewReplica
from billfold.journal import PushDue
from billfold.replica import Replica
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import parse_entry
from tests.support.seeded_bytes import SeededBytes
from tests.support.simulation import World
from tests.support.simulation_device import SimulatedDevice
from tests.support.simulation_server import SimulatedServer

ROOM = 1 << 40


class Liar:
    """The copy of a device."""

    def __init__(self, device: SimulatedDevice, server: SimulatedServer, seed: str) -> None:
        self.told: list[bytes] = []
        self._server = server
        self._store = device.store.copied()
        self._bytes = SeededBytes(f"{seed}/liar")
        self._replica = Replica(
            self._store, now_ms=lambda: 0, random=self._bytes, merge_kinds=base_merge_kinds
        )
        self._feed = self._replica.core.feed

    def lie(self, edit: FieldEdit) -> None:
        """Write an entry, as far as the copy knows that it may."""
        try:
            self._replica.edit([edit])
        except BillfoldError:
            return
        self._replica.prepare(room=ROOM)
        self._store.commit(self._replica.journal.take_writes())
        for send in self._replica.journal.take_sends():
            if isinstance(send, PushDue):
                self.told += [raw for _, raw in send.entries]
                self._replica.acked([id_ for id_, _ in send.entries])

    def learn(self) -> None:
        """Read what the server holds, but for the entries of the feed that it lies in."""
        replica, store = self._replica, self._server.store
        log = store.load_wallet(replica.wallet_id)
        if log is None:
            return
        replica.receive_members(0, log.members)
        wraps = store.read_wraps(replica.wallet_id, replica.core.device_id, after_k=-1)
        replica.receive_wraps([(wrap.k, wrap.device, wrap.raw) for wrap in wraps])
        stored = store.read_entries(
            replica.wallet_id, after_n=0, count_max=1_000_000, size_max=1 << 40
        )
        raws = [entry.raw for entry in stored]
        feeds = [parse_entry(raw, replica.wallet_id).value.feed for raw in raws]
        replica.receive_entries(
            [raw for raw, feed in zip(raws, feeds, strict=True) if feed != self._feed]
        )
        replica.prepare(room=None)
        self._store.commit(replica.journal.take_writes())


class ForkedWorld(World):
    """A world in which one device has a copy that lies."""

    option = " --forks"

    def __init__(self, seed: int) -> None:
        self._liar: Liar | None = None
        super().__init__(seed)

    def _add_device(self, founded: NewReplica) -> None:
        super()._add_device(founded)
        self.devices[-1].is_lied_to = True

    def _act(self) -> None:
        choice = self.random.random()
        if self._liar is None and choice < 0.2:
            device = self.random.choice(self.devices)
            self._liar = Liar(device, self.server, f"simulation/{self.seed}")
        elif self._liar is not None and choice < 0.15:
            record = self.random.choice(self.records)
            self._liar.lie(FieldEdit(record, "alpha", self.random.randrange(5)))
        elif self._liar is not None and choice < 0.18:
            self._liar.learn()
        elif self._liar is not None and choice < 0.35:
            device = self.random.choice(self.devices)
            device.hand(self._liar.told[: self.random.randrange(len(self._liar.told) + 1)])
        else:
            super()._act()

    def come_to_rest(self) -> None:
        super().come_to_rest()
        # What one was told is told to all, until nobody has an answer to it.
        for _ in range(3):
            for device in self.devices:
                if self._liar is not None:
                    device.hand(self._liar.told)
            super().come_to_rest()
            # At the next connection each compares what it holds with what the server does.
            for device in self.devices:
                device.drop()
            super().come_to_rest()
