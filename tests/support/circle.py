"""Real replicas of one wallet that are handed each other's bytes in any order, with no server.

    circle = Circle("seed")                       # the owner is circle["owner"]
    circle.link("phone", Role.EDITOR)
    entries = circle.edit("phone", [FieldEdit(record, "user", "ada")])
    revoke = circle.revoke("owner", "phone")
    circle["tablet"].receive(revoke, entries)
    circle.share()                                # everything to everybody, until nothing is new

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billfold.authoring import Authored
from billfold.device import DeviceSecrets
from billfold.document import Edit, base_merge_kinds
from billfold.founding import NewReplica
from billfold.journal import PushDue
from billfold.replica import Replica
from billfold.store import EntryStatus, MemoryStore
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Dep
from billfold_protocol.ids import EntryId
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

NOW_MS = 1_700_000_000_000
ROOM = 1 << 40


@dataclass(frozen=True, slots=True)
class Membership:
    """A membership entry with its index, and the wraps beside it."""

    k: int
    authored: Authored


class CircleDevice:
    """One device: a replica whose every act is durable at once."""

    def __init__(self, seed: str, founded: NewReplica) -> None:
        self.secrets = founded.secrets
        self.device_id = founded.secrets.device_id
        self._bytes = SeededBytes(f"{seed}/random")
        self.store = MemoryStore()
        self.store.commit(founded.writes())
        self.replica = self._open()

    def edit(self, edits: Sequence[Edit]) -> list[bytes]:
        """Make one change and return the new entries."""
        assert self.replica.edit(edits) is not None
        return self.settle()

    def settle(self) -> list[bytes]:
        """Make everything durable and return what would be pushed."""
        self.replica.prepare(room=ROOM)
        self.store.commit(self.replica.journal.take_writes())
        sends = self.replica.journal.take_sends()
        pushed = [entry for send in sends if isinstance(send, PushDue) for entry in send.entries]
        self.replica.acked([id_ for id_, _ in pushed])
        return [raw for _, raw in pushed]

    def receive(self, *items: Membership | bytes) -> list[bytes]:
        """Take membership entries and feed entries, one by one; return what is new of its own."""
        pushed: list[bytes] = []
        for item in items:
            if isinstance(item, Membership):
                self.replica.receive_members(item.k, [item.authored.raw])
                self.replica.receive_wraps(item.authored.wraps)
            else:
                self.replica.receive_entries([item])
            pushed += self.settle()
        return pushed

    def restart(self) -> None:
        """Begin again from what the store holds."""
        self.store = self.store.reopened()
        self.replica = self._open()

    def copied(self, seed: str) -> "CircleDevice":
        """Return a copy of this device that lives beside it, as a thief runs one."""
        return CircleDevice.on(self.store.copied(), self.secrets, seed)

    @classmethod
    def on(cls, store: MemoryStore, secrets: DeviceSecrets, seed: str) -> "CircleDevice":
        """Return the device that a store holds."""
        device = object.__new__(cls)
        device.secrets, device.device_id = secrets, secrets.device_id
        device._bytes = SeededBytes(f"{seed}/random")
        device.store = store
        device.replica = device._open()
        return device

    def counted(self) -> frozenset[EntryId]:
        """Return the ids of the entries that count."""
        rows = self.store.entry_index()
        graph = self.replica.core.graph
        counted = set()
        for row in rows:
            node = graph.find(Dep(row.feed, row.seq, row.entry_id))
            assert node is not None
            assert node.is_counted == (row.status is not EntryStatus.EXCLUDED)
            if node.is_counted:
                counted.add(row.entry_id)
        return frozenset(counted)

    def _open(self) -> Replica:
        return Replica(
            self.store,
            now_ms=lambda: NOW_MS,
            random=self._bytes,
            merge_kinds=base_merge_kinds,
        )


class Circle:
    """The devices of one wallet, and everything that any of them ever sent."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        founded = NewReplica.create(SeededBytes(f"{seed}/owner"), now_ms=NOW_MS)
        self.devices = {"owner": CircleDevice(f"{seed}/owner", founded)}
        self.memberships: list[Membership] = []
        self.entries: list[bytes] = []

    def __getitem__(self, name: str) -> CircleDevice:
        return self.devices[name]

    def edit(self, name: str, edits: Sequence[Edit]) -> list[bytes]:
        """Make a change on one device; no other knows of it yet."""
        return self._sent(self[name].edit(edits))

    def copy(self, name: str, copy: str) -> CircleDevice:
        """Add a copy of a device under another name."""
        self.devices[copy] = self[name].copied(f"{self._seed}/{copy}")
        return self[copy]

    def link(self, name: str, role: Role) -> CircleDevice:
        """Let the owner link a device; every other device learns of it at once."""
        seed, owner = f"{self._seed}/{name}", self["owner"]
        bytes_ = SeededBytes(seed)
        secrets = DeviceSecrets.generate(bytes_)
        terms = Link(
            is_invite=False,
            keys=secrets.keys,
            holder=owner.replica.core.holder,
            role=role,
            kind=Kind.DEVICE,
            session=bytes_(16),
            acceptance=bytes(64),
            wrap_hash=bytes(32),
        )
        wallet_id = owner.replica.wallet_id
        parts = acceptance_parts(wallet_id, owner.device_id, terms)
        acceptance = secrets.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
        accepted = Link(
            is_invite=False,
            keys=terms.keys,
            holder=terms.holder,
            role=role,
            kind=terms.kind,
            session=terms.session,
            acceptance=acceptance,
            wrap_hash=terms.wrap_hash,
        )
        membership = self._append("owner", owner.replica.author().link(accepted))
        for device in self.devices.values():
            device.receive(membership)
        chain = MembershipChain.load(owner.replica.core.chain.raws)
        k, _, wrapped = membership.authored.wraps[0]
        epoch, key = open_wrap(chain, k, secrets.device_id, secrets.unwrapping_key, wrapped)
        founded = NewReplica(
            secrets=secrets,
            holder=terms.holder,
            chain=chain,
            epoch_keys=open_back_links(chain, {epoch: key}).keys,
            feed_salt=bytes_(16),
        )
        self.devices[name] = CircleDevice(seed, founded)
        return self.devices[name]

    def revoke(self, author: str, name: str) -> Membership:
        """Let a device revoke another; only the author knows of it yet."""
        target = Target(TargetKind.DEVICE, self[name].device_id)
        return self._append(author, self[author].replica.author().revoke(target))

    def rotate(self, author: str) -> Membership:
        """Let a device begin a new epoch; only the author knows of it yet."""
        return self._append(author, self[author].replica.author().rotate())

    def set_role(self, author: str, name: str, role: Role) -> Membership:
        """Let a device give another role; only the author knows of it yet."""
        return self._append(
            author, self[author].replica.author().set_role(self[name].device_id, role)
        )

    def tell(self, name: str, *items: Membership | bytes) -> list[bytes]:
        """Hand something to one device; return what it has to say to that."""
        return self._sent(self[name].receive(*items))

    def share(self) -> None:
        """Hand everything to every device that remains, until none has anything to add."""
        while True:
            known = len(self.entries)
            for name, device in self.devices.items():
                if not device.replica.is_removed:
                    self.tell(name, *self.memberships, *self.entries)
            if len(self.entries) == known:
                return

    def remaining(self) -> list[CircleDevice]:
        """Return the devices that no device has revoked, as each knows it itself."""
        return [device for device in self.devices.values() if not device.replica.is_removed]

    def require_equal(self) -> frozenset[EntryId]:
        """Return what counts, which must be the same on all remaining devices, as the state is."""
        first, *others = self.remaining()
        for other in others:
            assert other.counted() == first.counted()
            assert other.replica.vector == first.replica.vector
            assert other.replica.state_hash() == first.replica.state_hash()
        return first.counted()

    def _append(self, author: str, authored: Authored) -> Membership:
        device = self[author]
        membership = Membership(device.replica.state.k + 1, authored)
        self.memberships.append(membership)
        self._sent(device.receive(membership))
        return membership

    def _sent(self, entries: Iterable[bytes]) -> list[bytes]:
        sent = list(entries)
        self.entries += sent
        return sent
