"""One-time credentials: which instance a device may show next, so that none is shown twice.

The instances of a batch are shared out when they are issued, and each belongs to one feed of one
device for good. A device shows only what belongs to the feed it writes now. After a restore it
writes another feed: what its former one showed offline may never have reached anybody, so nobody
shows those any more. Uses only accumulate, so every device ends with the same ones.

Spec: 42-credentials.md
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from billfold_protocol.errors import OutOfStock


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One credential of a batch."""

    name: str
    """`<owner>/<number>`."""

    owner: str
    """The feed that may show it, in hexadecimal."""

    number: int
    uses: tuple[tuple[str, str], ...]
    """Name of the presentation and who got it, as far as this device knows."""

    @property
    def parties(self) -> frozenset[str]:
        """Who got it."""
        return frozenset(party for _, party in self.uses)

    @property
    def is_linkable(self) -> bool:
        """Whether two parties got it, who can tell that both met the same person."""
        return len(self.parties) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which instance to show."""

    instance: Instance
    is_repeat: bool
    """Whether this same verifier has seen it before, because no unused one is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The instances of one batch, as far as a device knows what became of them."""

    instances: tuple[Instance, ...]
    """In order of owner and number."""

    @classmethod
    def read(cls, names: Iterable[str], uses: Mapping[str, str]) -> "Pool":
        """Put instances and uses together.

        Args:
            names: of the instances; others than `<owner>/<number>` are left out.
            uses: who got it, by `<owner>/<number>/<presentation>`.
        """
        found: dict[str, list[tuple[str, str]]] = {}
        for use, party in sorted(uses.items()):
            name, _, presentation = use.rpartition("/")
            found.setdefault(name, []).append((presentation, party))
        instances = []
        for name in names:
            owner, _, number = name.rpartition("/")
            if owner and number.isdecimal():
                made = Instance(
                    name=name, owner=owner, number=int(number), uses=tuple(found.get(name, ()))
                )
                instances.append(made)
        return cls(instances=tuple(sorted(instances, key=lambda one: (one.owner, one.number))))

    def unused(self, owner: str) -> tuple[Instance, ...]:
        """Return what a feed may still show, in order."""
        return tuple(one for one in self.instances if one.owner == owner and not one.uses)

    def share(self, owner: str) -> tuple[Instance, ...]:
        """Return all that belongs to a feed."""
        return tuple(one for one in self.instances if one.owner == owner)

    @property
    def linkable(self) -> tuple[Instance, ...]:
        """Return what reached two parties; it is never shown again."""
        return tuple(one for one in self.instances if one.is_linkable)

    def is_low(self, owner: str, threshold: int) -> bool:
        """Say whether a feed has at most so many unused ones left: time to ask for more."""
        return len(self.unused(owner)) <= threshold

    def choose(self, owner: str, party: str) -> Choice:
        """Return the instance to show to a party.

        Out of stock, one that this same party has seen is shown again: it learns nothing by that
        but that it met the same person twice, and nobody else learns anything.

        Raises:
            OutOfStock: every instance of this feed is used, none of them by this party alone.
        """
        unused = self.unused(owner)
        if unused:
            return Choice(instance=unused[0], is_repeat=False)
        for one in self.share(owner):
            if one.parties == {party}:
                return Choice(instance=one, is_repeat=True)
        raise OutOfStock(
            "This device has no unused copy of the credential left; ask its issuer for more."
        )


def share_out(count: int, owners: Sequence[str]) -> list[str]:
    """Return the owner of each of so many instances: equal shares, the first has what is over.

    Args:
        count: of instances.
        owners: of the feeds of the person's devices, that of the device that asks first.
    """
    return [owners[index % len(owners)] for index in range(count)]
