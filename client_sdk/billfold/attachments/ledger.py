"""What this device has still to do for attachments, kept in the encrypted store.

Pending attachments are added here and not yet on the server; holds are what the server has
confirmed. Both survive a crash: each step can be done again.

Spec: 23-blobs.md
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from billfold.attachments.attachment import VALUE_SIZE_MAX, Attachment
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import Downgrade, Malformed, StoreDamaged
from billfold_protocol.ids import BlobId, HolderTag, InstanceId

PENDING_KEY: Final = "attachments:pending"
HOLDS_KEY: Final = "attachments:holds"
PENDING_COUNT_MAX: Final = 1024
HOLDS_COUNT_MAX: Final = 65_536
LEDGER_SIZE_MAX: Final = HOLDS_COUNT_MAX * 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What one server has confirmed to hold."""

    instance: InstanceId | None = None
    """Whose confirmations these are; another instance is asked for everything anew."""

    checked_s: int = 0
    """When all of them were last asked for, in seconds since 1970."""

    tags: Mapping[HolderTag, BlobId] = field(default_factory=dict)


class Ledger:
    """Reads and notes what is to be done; the caller waits until it is durable."""

    def __init__(self, replica: Callable[[], Replica]) -> None:
        """Begin.

        Args:
            replica: returns the replica as it is now.
        """
        self._replica = replica

    def pending(self) -> dict[str, Attachment]:
        """Return the attachments that the server does not hold yet, by id, the oldest first.

        Raises:
            StoreDamaged: the ledger cannot be read.
        """
        found = {}
        for item in self._read(PENDING_KEY):
            record, id_, value = codec.as_array(item, 3)
            attachment = Attachment.decode(
                codec.as_text(record),
                codec.as_text(id_),
                codec.as_bytes(value, size_max=VALUE_SIZE_MAX),
            )
            found[attachment.id] = replace(attachment, is_pending=True)
        return found

    def put_pending(self, attachment: Attachment) -> None:
        """Note an attachment that the server does not hold yet."""
        self._write_pending({**self.pending(), attachment.id: attachment})

    def drop_pending(self, id_: str) -> None:
        """Note that nothing is to be done for an attachment any more."""
        self._write_pending({key: one for key, one in self.pending().items() if key != id_})

    def holds(self) -> Holds:
        """Return what the server has confirmed.

        Raises:
            StoreDamaged: the ledger cannot be read.
        """
        items = self._read(HOLDS_KEY)
        if not items:
            return Holds()
        instance, checked_s, pairs = items
        return Holds(
            instance=InstanceId(codec.as_bytes(instance, 16)),
            checked_s=codec.as_integer(checked_s),
            tags={
                HolderTag(codec.as_bytes(tag, 32)): BlobId(codec.as_bytes(blob, 32))
                for tag, blob in (
                    codec.as_array(pair, 2)
                    for pair in codec.as_list(pairs, count_max=HOLDS_COUNT_MAX)
                )
            },
        )

    def put_holds(self, holds: Holds) -> None:
        """Note what the server has confirmed."""
        pairs = [[tag, blob] for tag, blob in sorted(holds.tags.items())]
        value = codec.encode([holds.instance, holds.checked_s, pairs])
        self._replica().put_meta(HOLDS_KEY, value)

    def _write_pending(self, pending: Mapping[str, Attachment]) -> None:
        items = [[one.record, one.id, one.encode()] for one in pending.values()]
        self._replica().put_meta(PENDING_KEY, codec.encode(items) if items else None)

    def _read(self, key: str) -> list[object]:
        value = self._replica().meta(key)
        if value is None:
            return []
        try:
            return codec.as_array(codec.decode(value, size_max=LEDGER_SIZE_MAX))
        except (Malformed, Downgrade) as error:
            raise StoreDamaged("the list of attachments that wait is damaged") from error
