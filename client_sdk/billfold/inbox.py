"""Entries that come from elsewhere: judged by the feed graph, opened, and applied to the document.

An entry whose epoch key is not here yet is kept and opened when the key comes. One whose content
does not open or is no content is set aside by its id, so that all devices set the same aside.

Spec: 21-sync.md
"""

from collections.abc import Iterable, Sequence

from billfold.accusing_devices import note_alien, tell_equivocation
from billfold.core import Core, open_counted, opens_what_does_not
from billfold.events import RecordsChanged, Warned
from billfold.store import (
    AppendChanges,
    DropQuarantined,
    EntryStatus,
    LocalEntry,
    PutEntry,
)
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.envelope import can_open
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Dep, Entry, Outcome, parse_entry, verify_entry
from billfold_protocol.ids import EpochId, EpochKey, FeedId

VerifiedEntry = Verified[Entry]


class Inbox:
    """The receiving side of a replica."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._unopened: dict[EpochId, list[VerifiedEntry]] = {}
        self._renewed: dict[EpochId, list[VerifiedEntry]] = {}
        self._opened: list[tuple[FeedId, tuple[bytes, ...]]] = []
        self.alien: Entry | None = None
        """An entry of the feed that this device writes, and which it never made."""

    @property
    def unopened_count(self) -> int:
        """How many entries wait for the key of their epoch."""
        return sum(
            self._is_counted(entry.value)
            for entries in self._unopened.values()
            for entry in entries
        )

    def receive(self, raws: Iterable[bytes]) -> None:
        """Take entries in any order, known ones too; it stops at an `alien` one."""
        core = self._core
        for raw in raws:
            try:
                signed = parse_entry(raw, core.wallet_id)
                if signed.value.feed in core.own_feeds and self._is_alien(signed):
                    self.alien = signed.value
                    break
                is_wanted = opens_what_does_not(core, signed.value)
                if is_wanted or not core.graph.knows(signed.value):
                    self._settle(core.graph.receive(signed, is_wanted=is_wanted))
            except BillfoldError as error:
                core.tell(Warned(error))
        self._apply()

    def take_back(self, entries: Iterable[VerifiedEntry]) -> None:
        """Apply entries again that this device had stopped counting and now counts on."""
        for entry in entries:
            self._open(entry, self._core.epoch_keys[entry.value.epoch])
        self._apply()

    def settle(self, outcome: Outcome) -> None:
        """Take what came to count in another way than by being received."""
        self._settle(outcome)
        self._apply()

    def chain_grew(self) -> None:
        """Judge again what waited for membership entries."""
        self._settle(self._core.graph.chain_grew())
        self._apply()

    def keys_came(self) -> None:
        """Open what waited for the key of its epoch."""
        for epoch in [epoch for epoch in self._unopened if epoch in self._core.epoch_keys]:
            for entry in self._unopened.pop(epoch):
                if self._is_counted(entry.value):
                    self._take(entry)
        for epoch in [epoch for epoch in self._renewed if epoch in self._core.epoch_keys]:
            for entry in self._renewed.pop(epoch):
                if self._is_counted(entry.value):
                    self._keep_renewed(entry)
        self._apply()

    def restore(self, unopened: Iterable[VerifiedEntry]) -> None:
        """Take back, when the wallet opens, the entries whose epoch's key had not come."""
        for entry in unopened:
            self._take(entry)
        self._apply()

    def _is_alien(self, signed: Signed[Entry]) -> bool:
        """Whether another copy of this device signed an entry of the feed it writes now.

        Raises:
            AuthFailed: it is in that feed and no copy of this device signed it.
        """
        core, entry = self._core, signed.value
        if entry.feed != core.feed or core.graph.has(entry):
            return False
        note_alien(core, verify_entry(signed, core.wallet_id, core.secrets.keys.signing))
        return True

    def _settle(self, outcome: Outcome) -> None:
        core = self._core
        for refusal in outcome.refused:
            core.tell(Warned(refusal.error))
        core.note_lost(outcome)
        for entry in outcome.excluded:
            core.note_entry(entry.value)
            core.write(self._put(entry, EntryStatus.EXCLUDED))
        for entry in outcome.counted:
            core.note_entry(entry.value)
            self._take(entry)
        for entry in outcome.renewed:
            self._renew(entry)
        for fork in outcome.equivocations:
            tell_equivocation(core, fork.first, fork.second)
        for signed in outcome.passed_over:
            if opens_what_does_not(core, signed.value):
                self._settle(core.graph.receive(signed, is_wanted=True))

    def _take(self, entry: VerifiedEntry) -> None:
        """Open an entry that counts."""
        core = self._core
        key = core.epoch_keys.get(entry.value.epoch)
        if key is None:
            self._unopened.setdefault(entry.value.epoch, []).append(entry)
            core.write(self._put(entry, EntryStatus.WAITING))
            return
        core.write(self._put(entry, EntryStatus.COUNTED))
        self._open(entry, key)

    def _open(self, entry: VerifiedEntry, key: EpochKey) -> None:
        core = self._core
        if core.is_rebuild_due:
            return  # The rebuilding opens it.
        content = open_counted(core, entry, key)
        if content is not None:
            self._opened.append((entry.value.feed, content.changes))

    def _renew(self, entry: VerifiedEntry) -> None:
        """Keep a newer envelope of an entry that counts already, once it can be opened too."""
        core, id_ = self._core, entry.value.id
        for epoch, unopened in self._unopened.items():
            if any(other.value.id == id_ for other in unopened):
                self._unopened[epoch] = [other for other in unopened if other.value.id != id_]
                self._take(entry)
                return
        if entry.value.epoch in core.epoch_keys:
            self._keep_renewed(entry)
        else:
            self._renewed.setdefault(entry.value.epoch, []).append(entry)

    def _keep_renewed(self, entry: VerifiedEntry) -> None:
        core, id_ = self._core, entry.value.id
        key = core.epoch_keys[entry.value.epoch]
        core.write(self._put(entry, EntryStatus.COUNTED))
        is_open = can_open(entry.value, core.wallet_id, key)
        if is_open and id_ in core.quarantined:
            core.quarantined.discard(id_)
            core.write(DropQuarantined(id_))
            self._open(entry, key)
        elif not is_open and id_ not in core.quarantined:
            # By this envelope it stands, and what it holds is not in the wallet.
            core.is_rebuild_due = True

    def _is_counted(self, entry: Entry) -> bool:
        """Whether an entry still counts; a cut may have come while it waited for its key."""
        node = self._core.graph.find(Dep(entry.feed, entry.seq, entry.id))
        return node is not None and node.is_counted

    def _apply(self) -> None:
        """Apply what was opened, a run of one feed at a time."""
        core, opened = self._core, self._opened
        self._opened = []
        if core.is_rebuild_due:
            return
        touched: set[tuple[str, str]] = set()
        feeds: set[FeedId] = set()
        for feed, changes in _runs(opened):
            applied = core.document.apply(changes, feed=feed)
            core.set_aside(applied.set_aside)
            aside = {item.raw for item in applied.set_aside}
            core.write(AppendChanges(tuple(raw for raw in changes if raw not in aside)))
            touched.update(applied.touched)
            feeds.add(feed)
        if touched:
            device = core.graph.device_of(feeds.pop()) if len(feeds) == 1 else None
            fields = frozenset(touched)
            core.tell(RecordsChanged(fields=fields, device=device, is_local=False))

    def _put(self, entry: VerifiedEntry, status: EntryStatus) -> PutEntry:
        value = entry.value
        return PutEntry(
            LocalEntry(
                feed=value.feed,
                seq=value.seq,
                entry_id=value.id,
                raw=entry.raw,
                status=status,
                is_acked=True,
                is_beside=self._core.graph.is_beside(Dep(value.feed, value.seq, value.id)),
            )
        )


def _runs(
    opened: Sequence[tuple[FeedId, tuple[bytes, ...]]],
) -> Iterable[tuple[FeedId, list[bytes]]]:
    """Join neighbours of one feed."""
    feed: FeedId | None = None
    run: list[bytes] = []
    for next_feed, changes in opened:
        if feed is not None and next_feed != feed:
            yield feed, run
            run = []
        feed = next_feed
        run.extend(changes)
    if feed is not None:
        yield feed, run
