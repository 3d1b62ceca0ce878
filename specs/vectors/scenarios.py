"""Feed scenarios: who writes what, in which order it arrives, and what counts in the end.

What is expected is written down by hand; nothing here asks the code which entries count.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from billfold_protocol.feed import Dep, Entry, fork_head, vector_hash
from billfold_protocol.feed.entry import sign_entry
from billfold_protocol.ids import EntryId, FeedId
from billfold_protocol.membership import MembershipState, Payload, Role
from specs.vectors import story
from specs.vectors.wallets import (
    Device,
    Feed,
    Vector,
    Wallet,
    create_wallet,
    make_device,
)

LAPTOP, PHONE = story.LAPTOP, story.PHONE
BEN_PHONE, BEN_TABLET = story.BEN_PHONE, story.BEN_TABLET
BEN_LAPTOP = make_device("ben laptop", "ben")

BASE_LENGTH = 5


def make_base() -> Wallet:
    """Return Ada's wallet: two owners, and Ben with two editors, one added at the end."""
    wallet = create_wallet("base", LAPTOP)
    wallet.add(LAPTOP, wallet.link(LAPTOP, PHONE))
    wallet.add(LAPTOP, wallet.link(LAPTOP, BEN_PHONE, role=Role.EDITOR, is_invite=True))
    wallet.add(BEN_PHONE, wallet.link(BEN_PHONE, BEN_TABLET, role=Role.VIEWER))
    wallet.add(BEN_PHONE, wallet.link(BEN_PHONE, BEN_LAPTOP, role=Role.EDITOR))
    return wallet


@dataclass(frozen=True, slots=True)
class Written:
    """One entry as it was written, or sealed again."""

    name: str
    entry: Entry
    raw: bytes

    @property
    def dep(self) -> Dep:
        """What names it."""
        return Dep(self.entry.feed, self.entry.seq, self.entry.id)


@dataclass(frozen=True, slots=True)
class Appended:
    """One membership entry."""

    name: str
    raw: bytes


Event = Written | Appended


@dataclass(slots=True)
class Scenario:
    """A wallet that goes on from the base, and the entries that its devices make."""

    name: str
    comment: str
    wallet: Wallet = field(default_factory=make_base)
    forks: list[Written] = field(default_factory=list)
    """Entries that arrive and stand beside another one."""

    def open(self, device: Device, *, name: str = "", previous: Written | None = None) -> Feed:
        """Return a new feed of a device."""
        return Feed(name or device.name, device, previous.dep if previous else None)

    def write(
        self, feed: Feed, *deps: Written, state: MembershipState | None = None, text: str = ""
    ) -> Written:
        """Return the next entry of a feed, which builds on others."""
        name = f"{feed.name} {len(feed.heads)}{text}"
        entry, raw = feed.write(
            self.wallet, *(written.dep for written in deps), state=state, text=text
        )
        return Written(name, entry, raw)

    def run(self, feed: Feed, count: int) -> list[Written]:
        """Return the next entries of a feed, which build on nothing else."""
        return [self.write(feed) for _ in range(count)]

    def change(self, written: Written, *, signer: Device, **changed: Any) -> Written:
        """Return an entry with other fields, signed by a device."""
        entry = replace(written.entry, **changed)
        verified = sign_entry(entry, self.wallet.id, signer.signing)
        return Written(f"{written.name} changed", verified.value, verified.raw)

    def append(self, name: str, author: Device, payload: Payload) -> Appended:
        """Append a membership entry without a rotation."""
        self.wallet.add(author, payload)
        return Appended(name, self.wallet.chain.raws[-1])

    def rotate(self) -> Appended:
        """Begin an epoch."""
        self.wallet.rotate(LAPTOP)
        return Appended("rotate", self.wallet.chain.raws[-1])

    def revoke(self, device: Device, *heads: Written) -> Appended:
        """Revoke one device with a cut at the given entries."""
        cut = {head.dep.feed: (head.dep.seq, head.dep.id) for head in heads}
        self.wallet.revoke(LAPTOP, device, cut)
        return Appended(f"revoke {device.name}", self.wallet.chain.raws[-1])

    def ends(
        self,
        events: Iterable[Event],
        *,
        counted: Sequence[Written] = (),
        excluded: Sequence[Written] = (),
        waiting: Sequence[Written] = (),
        refused: Sequence[tuple[Written, str]] = (),
        missing: Sequence[Dep] = (),
        missing_membership: int | None = None,
    ) -> Vector:
        """Return the vector: what arrives, in this order, and what holds after all of it."""
        held = {written.entry.id: written.entry for written in (*counted, *excluded)}
        ends: dict[FeedId, list[Entry]] = {}
        for id_ in held.keys() - {entry.prev for entry in held.values()}:
            ends.setdefault(held[id_].feed, []).append(held[id_])
        vector = {feed: _head(entries) for feed, entries in ends.items()}
        return {
            "id": self.name,
            "comment": self.comment,
            "chain": "base",
            "events": [_event(event) for event in events],
            "expect": refused[0][1] if refused else "ok",
            "counted": _ids(counted),
            "excluded": _ids(excluded),
            "waiting": _ids(waiting),
            "refused": [[written.dep.id.hex(), error] for written, error in refused],
            "missing": [[dep.feed.hex(), dep.seq, dep.id.hex()] for dep in sorted(missing)],
            "missing_membership": missing_membership,
            "forks": _ids(self.forks),
            "vector_hash": vector_hash(vector).hex(),
        }


def _head(ends: Sequence[Entry]) -> tuple[int, EntryId]:
    """Return what stands in a vector for a feed: its head, or what stands for several ends."""
    ids = [entry.id for entry in ends]
    return max(entry.seq for entry in ends), ids[0] if len(ids) == 1 else fork_head(ids)


def _ids(written: Iterable[Written]) -> list[str]:
    return sorted(one.dep.id.hex() for one in written)


def _event(event: Event) -> Vector:
    match event:
        case Written():
            return {"name": event.name, "id": event.dep.id.hex(), "entry": event.raw.hex()}
        case Appended():
            return {"name": event.name, "membership": event.raw.hex()}
