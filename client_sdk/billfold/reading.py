"""The reading half of a wallet: its records, their conflicts and their history.

Spec: 40-wallet-document.md
"""

from abc import ABC, abstractmethod

from billfold.document import Conflict, HistoryItem, RecordView
from billfold.editing import natural_key_text
from billfold.exposure import ReadableRecord, readable_records, unsent_records
from billfold.household import Device, Household
from billfold.other_history import OtherHistory
from billfold.replica import Replica
from billfold_protocol.errors import NotFound
from billfold_protocol.ids import FeedId, WalletId


class WalletReading(ABC):
    """What an open wallet tells without changing anything."""

    @property
    @abstractmethod
    def _household(self) -> Household:
        """The wallet's devices, while it is open."""

    @property
    @abstractmethod
    def _replica(self) -> Replica:
        """The replica, while the wallet is open."""

    @property
    def wallet_id(self) -> WalletId:
        """The wallet's 32-byte id, the same on every device."""
        return self._replica.wallet_id

    @property
    def this_device(self) -> str:
        """The id of the device we run on, 32 hexadecimal digits."""
        return self._household.this_device.hex()

    @property
    def membership_length(self) -> int:
        """How many entries the wallet's membership chain has, as this device knows it."""
        return self._replica.state.k + 1

    def records(self, record_type: str | None = None, *, trashed: bool = False) -> list[RecordView]:
        """Return the records of a type (None: of all), in order of id.

        Args:
            record_type: such as `login`.
            trashed: whether to list the trash instead of what is not in it.
        """
        return self._replica.document.records(record_type, trashed=trashed)

    def record(self, record: str) -> RecordView:
        """Return one record.

        Raises:
            NotFound: there is none with this id.
        """
        self._require_record(record)
        return self._replica.document.record(record)

    def conflicts(self) -> list[Conflict]:
        """Return the fields that devices set to different values without knowing of each other."""
        return self._replica.document.conflicts()

    def history(self, record: str, field: str) -> list[HistoryItem]:
        """Return what happened to a field, causes before effects.

        Raises:
            NotFound: there is no record with this id.
        """
        self._require_record(record)
        return self._replica.document.history(record, field)

    def other_history(self) -> OtherHistory | None:
        """Return how the server's history of devices differs from ours; None if it is one.

        Histories that nobody contests are merged by themselves.
        """
        return self._household.other_history()

    def readable_records(self) -> tuple[ReadableRecord, ...]:
        """Return what every other device can read now, by type and label."""
        return readable_records(self._replica)

    def unsent_records(self) -> frozenset[str]:
        """Return the ids of the records with edits that no server has acknowledged.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        return unsent_records(self._replica)

    def device_of(self, actor: bytes) -> Device | None:
        """Return the device that wrote a value or a history item, by its `actor`."""
        return self._household.owner_of(FeedId(actor))

    def natural_id(self, record_type: str, natural_key: tuple[str, ...]) -> str:
        """Return the id of the record that has a natural key, whether or not it is there."""
        return self._natural_id(record_type, natural_key_text(natural_key))

    def _require_record(self, record: str) -> None:
        if not self._replica.document.has_record(record):
            raise NotFound(f"there is no record {record}")

    def _natural_id(self, record_type: str, natural_key: str) -> str:
        replica = self._replica
        return replica.document.natural_record_id(replica.wallet_id, record_type, natural_key)
