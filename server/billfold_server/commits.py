"""What waits for the next durable commit, and what is said to whom once it is durable.

All wallets' writes since the last commit share one: one wait for the disk. Each wallet's part keeps
its order, so that a membership entry is sent before the entries that were made under it.

Spec: 30-server-api.md
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from billfold_protocol import limits
from billfold_protocol.ids import DeviceId, EntryId, FeedId, WalletId
from billfold_server.hub import Peer
from billfold_server.store import (
    AppendEntries,
    AppendMembers,
    DropLocator,
    FeedHead,
    KeepLocator,
    MailboxWrite,
    PutBeacon,
    StoredEntry,
    StoredMember,
    StoredWrap,
    Write,
)
from billfold_server.wallet_log import ActiveWallet


@dataclass(slots=True)
class EntriesStep:
    """New entries of one wallet, and who brought each."""

    entries: list[tuple[StoredEntry, Peer]] = field(default_factory=list)
    heads: dict[FeedId, FeedHead] = field(default_factory=dict)
    """The new head of each feed they belong to."""

    def batches(self) -> Iterator[list[tuple[StoredEntry, Peer]]]:
        """Return the entries in pieces that fit into one message each."""
        batch: list[tuple[StoredEntry, Peer]] = []
        size = 0
        for item in self.entries:
            size += len(item[0].raw)
            if batch and (size > limits.BATCH_SIZE_MAX or len(batch) == limits.BATCH_COUNT_MAX):
                yield batch
                batch, size = [], len(item[0].raw)
            batch.append(item)
        yield batch


@dataclass(slots=True)
class MemberStep:
    """One new membership entry with its wraps, and who brought it."""

    member: StoredMember
    wraps: tuple[StoredWrap, ...]
    peer: Peer
    removed: tuple[DeviceId, ...] = ()
    """The recovery members that it removes."""


@dataclass(slots=True)
class BeaconStep:
    """One device's new beacon."""

    device: DeviceId
    raw: bytes
    peer: Peer


@dataclass(slots=True)
class RepeatStep:
    """A membership entry brought again, perhaps while the first one is not yet durable."""

    peer: Peer


@dataclass(slots=True, kw_only=True)
class SnapshotStep:
    """Something about a snapshot."""

    writes: tuple[Write, ...]
    done: Callable[[], None]
    """What follows once the writes are durable."""

    peer: Peer | None
    """Who is told if they are not."""

    named: EntryId | None
    """The snapshot's id, as a refusal names it."""


@dataclass(slots=True)
class LocatorStep:
    """One recovery member's new pin under its locator."""

    device: DeviceId
    locator: bytes
    pin: bytes
    peer: Peer


@dataclass(slots=True, kw_only=True)
class MailboxStep:
    """Something about mailboxes."""

    writes: tuple[MailboxWrite, ...]
    done: Callable[[], None]
    """What follows once the writes, and all that were staged before them, are durable."""

    failed: Callable[[], None]
    """What follows if they are not."""


Step = EntriesStep | MemberStep | BeaconStep | RepeatStep | SnapshotStep | LocatorStep | MailboxStep


@dataclass(slots=True)
class WalletCommit:
    """One wallet's part of a commit."""

    wallet: ActiveWallet
    steps: list[Step] = field(default_factory=list)
    acks: dict[Peer, dict[EntryId, int]] = field(default_factory=dict)
    """By author: the ids to acknowledge, and the size of each for its credit."""

    def add_entry(self, entry: StoredEntry, peer: Peer) -> None:
        """Add an entry that the wallet has taken, behind what is there."""
        if not self.steps or not isinstance(self.steps[-1], EntriesStep):
            self.steps.append(EntriesStep())
        step = self.steps[-1]
        assert isinstance(step, EntriesStep)
        step.entries.append((entry, peer))
        step.heads[entry.feed] = self.wallet.heads[entry.feed]

    def add_ack(self, peer: Peer, entry_id: EntryId, size: int) -> None:
        """Acknowledge an entry when the commit is durable."""
        acks = self.acks.setdefault(peer, {})
        # An entry that was pushed twice took its credit twice.
        acks[entry_id] = acks.get(entry_id, 0) + size

    @property
    def entries(self) -> list[StoredEntry]:
        """The new entries, in order of arrival."""
        return [
            entry
            for step in self.steps
            if isinstance(step, EntriesStep)
            for entry, _ in step.entries
        ]

    def settle(self) -> None:
        """Let the wallet know that all of this is durable."""
        self.wallet.staged_count -= 1
        self.wallet.settle(self.entries)
        for step in self.steps:
            if isinstance(step, MemberStep):
                self.wallet.settle_member(step.member.k)

    def writes(self) -> Iterable[Write]:
        """Return the writes, in order."""
        wallet_id = self.wallet.wallet_id
        for step in self.steps:
            match step:
                case EntriesStep(entries=entries, heads=heads):
                    stored = tuple(entry for entry, _ in entries)
                    yield AppendEntries(wallet_id=wallet_id, entries=stored, heads=heads)
                case MemberStep(member=member, wraps=wraps, removed=removed):
                    yield AppendMembers(wallet_id=wallet_id, members=(member,), wraps=wraps)
                    for gone in removed:
                        yield DropLocator(wallet_id=wallet_id, device=gone)
                case LocatorStep(device=device, locator=locator, pin=pin):
                    yield KeepLocator(wallet_id=wallet_id, device=device, locator=locator, raw=pin)
                case BeaconStep(device=device, raw=raw):
                    yield PutBeacon(wallet_id=wallet_id, device=device, raw=raw)
                case SnapshotStep(writes=writes) | MailboxStep(writes=writes):
                    yield from writes
                case RepeatStep():
                    pass


@dataclass(slots=True)
class Registration:
    """A new wallet's chain, and who brought it; several may at once."""

    write: AppendMembers
    peers: list[Peer]


@dataclass(slots=True)
class Commit:
    """Everything that becomes durable together."""

    registrations: list[Registration] = field(default_factory=list)
    wallets: dict[WalletId, WalletCommit] = field(default_factory=dict)
    size: int = 0
    """Bytes that wait to be written."""

    def of(self, wallet: ActiveWallet) -> WalletCommit:
        """Return a wallet's part."""
        part = self.wallets.get(wallet.wallet_id)
        if part is None:
            part = self.wallets[wallet.wallet_id] = WalletCommit(wallet)
            wallet.staged_count += 1
        return part

    def writes(self) -> list[Write]:
        """Return all writes, in order."""
        writes: list[Write] = [registration.write for registration in self.registrations]
        for part in self.wallets.values():
            writes.extend(part.writes())
        return writes
