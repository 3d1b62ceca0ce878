"""What a replica has done and not yet had made durable, said or told, in order.

The replica changes its state in memory and notes here what the store must keep, what the server
must hear and what the application must know. The caller commits `writes` before it sends
`sends`; events may be told at once.

Spec: 21-sync.md
"""

from dataclasses import dataclass, field

from billfold.events import Event
from billfold.store import AppendChanges, PutEntry, Write
from billfold_protocol.ids import EntryId
from billfold_protocol.messages import ClientMessage


@dataclass(frozen=True, slots=True)
class PushDue:
    """Own entries that must go to the server once they are durable here."""

    entries: tuple[tuple[EntryId, bytes], ...]


@dataclass(frozen=True, slots=True)
class SubscribeDue:
    """The wallet may be subscribed to, once what was noted before is durable here."""

    nonce: bytes
    """Of the server's challenge: it is meant for no other connection."""


Send = ClientMessage | PushDue | SubscribeDue


@dataclass(slots=True)
class Journal:
    """The notes, taken by the caller as a whole."""

    writes: list[Write] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _under_way: list[Write] = field(default_factory=list)

    def find_entry(self, entry_id: EntryId) -> bytes | None:
        """Return the newest envelope of an entry that the store may not have yet."""
        for write in (*reversed(self.writes), *reversed(self._under_way)):
            if isinstance(write, PutEntry) and write.entry.entry_id == entry_id:
                return write.entry.raw
        return None

    def appended_size(self) -> int:
        """Return how many bytes of document changes the writes append."""
        return sum(
            len(change)
            for write in self.writes
            if isinstance(write, AppendChanges)
            for change in write.changes
        )

    def take_writes(self) -> list[Write]:
        """Return the writes; those taken before are in the store by now."""
        writes, self.writes = self.writes, []
        self._under_way = writes
        return writes

    def take_sends(self) -> list[Send]:
        """Return the messages and forget them."""
        sends, self.sends = self.sends, []
        return sends

    def take_events(self) -> list[Event]:
        """Return the events and forget them."""
        events, self.events = self.events, []
        return events
