"""One seed's history of a wallet with one-time credentials: devices, a server, verifiers, mishaps.

Devices present offline and online, sync late, are restored from older copies of themselves, lose
what they had not sent, are removed, and ask for more. The truth of who got what is kept aside and
compared at the end. What a device knows is a set that only grows, as in the wallet's document.

Spec: 42-credentials.md
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field

from billfold.credentials.pool import Pool, share_out
from billfold_protocol.errors import OutOfStock

BATCH = 20
VERIFIERS = tuple(f"https://verifier{n}.example" for n in range(6))


@dataclass(slots=True)
class State:
    """What a copy of the wallet knows."""

    instances: set[str] = field(default_factory=set)
    uses: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """The feed that each device writes."""

    removed: set[str] = field(default_factory=set)

    def copy(self) -> "State":
        return State(set(self.instances), dict(self.uses), dict(self.owners), set(self.removed))

    def take(self, other: "State") -> None:
        self.instances |= other.instances
        self.uses |= other.uses
        self.owners |= other.owners
        self.removed |= other.removed


@dataclass(slots=True)
class Phone:
    """A device."""

    name: str
    feed: str
    state: State
    copies: list[State] = field(default_factory=list)
    must_catch_up: bool = False
    presented_count: int = 0


class SpendingWorld:
    """A wallet on several devices, and all that is done with it."""

    def __init__(self, seed: int, *, restored_keeps_its_share: bool = False) -> None:
        """Begin with two to four devices that share a batch.

        Args:
            seed: of everything that happens.
            restored_keeps_its_share: the mistake that the feeds of shares are there to avoid.
        """
        self.random = random.Random(seed)
        self.keeps_share = restored_keeps_its_share
        self.server = State()
        self.shown: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        """Who got an instance, and whether the device knew that it repeated itself."""

        self.phones = {
            name: Phone(name, f"{name}-1", State())
            for name in ("a", "b", "c", "d")[: self.random.randint(2, 4)]
        }
        for phone in self.phones.values():
            self.server.owners[phone.name] = phone.feed
        self.batch_count = 0
        self.refused_count = 0
        self.issue(self.phones["a"])
        for phone in self.phones.values():
            self.sync(phone)

    def run(self, actions: int) -> None:
        """Do so many things at random."""
        acts = (self.present,) * 8 + (self.sync,) * 3 + (self.back_up, self.restore, self.refill)
        for _ in range(actions):
            here = list(self.phones.values())
            phone = self.random.choice(here)
            self.random.choice(acts)(phone)
            if self.random.random() < 0.02 and len(self.phones) > 1:
                self.remove(phone)
        for phone in self.phones.values():
            self.sync(phone)

    def present(self, phone: Phone) -> None:
        if phone.must_catch_up:
            return
        party = self.random.choice(VERIFIERS)
        pool = Pool.read(phone.state.instances, phone.state.uses)
        try:
            choice = pool.choose(self._owner(phone), party)
        except OutOfStock:
            self.refused_count += 1
            return
        phone.presented_count += 1
        name = f"{choice.instance.name}/{phone.feed}{phone.presented_count}{len(self.shown)}"
        phone.state.uses[name] = party  # Durable before the instance is shown.
        self.shown[choice.instance.name].append((party, choice.is_repeat))

    def sync(self, phone: Phone) -> None:
        if phone.name not in self.server.removed:
            if phone.must_catch_up:
                phone.state.take(self.server)
                phone.must_catch_up = False
            phone.state.owners[phone.name] = phone.feed
            self.server.take(phone.state)
        phone.state.take(self.server)

    def back_up(self, phone: Phone) -> None:
        phone.copies.append(phone.state.copy())

    def restore(self, phone: Phone) -> None:
        """Go back to an older copy: whatever was not sent since is forgotten."""
        if not phone.copies:
            return
        phone.state = self.random.choice(phone.copies).copy()
        number = int(phone.feed.partition("-")[2]) + 1
        phone.feed = f"{phone.name}-{number}"
        phone.must_catch_up = True

    def refill(self, phone: Phone) -> None:
        pool = Pool.read(phone.state.instances, phone.state.uses)
        if not phone.must_catch_up and pool.is_low(self._owner(phone), 2):
            self.issue(phone)

    def issue(self, phone: Phone) -> None:
        """Get a batch and share it out among the devices that the device knows of."""
        self.batch_count += 1
        known = (
            {**self.server.owners, **phone.state.owners}
            if self.batch_count == 1
            else dict(phone.state.owners)
        )
        others = [
            owner
            for name, owner in sorted(known.items())
            if name != phone.name and name not in phone.state.removed
        ]
        owners = [self._owner(phone), *(self._name(one) for one in others)]
        for number, owner in enumerate(share_out(BATCH, owners)):
            phone.state.instances.add(f"{owner}/{self.batch_count * 100 + number}")

    def remove(self, phone: Phone) -> None:
        """Remove a device; it may be offline and go on presenting what is its own."""
        others = [one for one in self.phones.values() if one is not phone]
        self.server.removed.add(phone.name)
        self.random.choice(others).state.removed.add(phone.name)
        if self.random.random() < 0.5:
            del self.phones[phone.name]

    def twice(self) -> list[str]:
        """Return the instances that were shown more than once, but knowingly to one party."""
        return [
            name
            for name, shows in self.shown.items()
            if len({party for party, _ in shows}) > 1
            or sum(not is_repeat for _, is_repeat in shows) > 1
        ]

    @property
    def shown_count(self) -> int:
        return sum(map(len, self.shown.values()))

    def _owner(self, phone: Phone) -> str:
        return self._name(phone.feed)

    def _name(self, feed: str) -> str:
        return feed.partition("-")[0] if self.keeps_share else feed
