"""What this device has still to do for attachments, kept in the encrypted store.

Pending attachments are added here and not yet on the server; holds are what the server has
confirmed. Both survive a crash: each step can be done again.

Spec: 23-blobs.md
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from billfold.attachments.attachment import VALUE_SIZE_MAX, Attachment
from billfold.homes import HOLDS_KEY
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import Downgrade, Malformed, StoreDamaged
from billfold_protocol.ids import BlobId, HolderTag, InstanceId

PENDING_KEY: Final = "attachments:pending"
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
        with _readable():
            found = [_pending_of(item) for item in self._read(PENDING_KEY)]
        return {one.id: one for one in found}

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
        with _readable():
            items = self._read(HOLDS_KEY)
            if not items:
                return Holds()
            instance, checked_s, pairs = codec.as_array(items, 3)
            return Holds(
                instance=InstanceId(codec.as_bytes(instance, 16)),
                checked_s=codec.as_integer(checked_s),
                tags=dict(map(_hold_of, codec.as_list(pairs, count_max=HOLDS_COUNT_MAX))),
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
        return (
            [] if value is None else codec.as_array(codec.decode(value, size_max=LEDGER_SIZE_MAX))
        )


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (Malformed, Downgrade) as error:
        raise StoreDamaged("the list of attachments that wait is damaged") from error


def _pending_of(item: object) -> Attachment:
    record, id_, value = codec.as_array(item, 3)
    content = codec.as_bytes(value, size_max=VALUE_SIZE_MAX)
    attachment = Attachment.decode(codec.as_text(record), codec.as_text(id_), content)
    return replace(attachment, is_pending=True)


def _hold_of(item: object) -> tuple[HolderTag, BlobId]:
    tag, blob = codec.as_array(item, 2)
    return HolderTag(codec.as_bytes(tag, 32)), BlobId(codec.as_bytes(blob, 32))
