"""A simulated device that asks for new keys, and what of its edits may be made anew by that.

Spec: 13-membership.md
"""

from abc import ABC, abstractmethod

from billfold.core import verified_entry
from billfold.device import DeviceSecrets
from billfold.document import hash_of
from billfold.replacing import ask
from billfold.replica import Replica
from billfold_protocol.envelope import open_entry
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Replace
from tests.support.simulation_returned import Returned


class KeyHolder(ABC):
    """What of a simulated device depends on its keys, which may change while it runs."""

    replica: Replica
    returned: list[Returned]
    revived_records: set[str]
    made_anew: set[bytes]
    """Hashes of changes that others may have taken the place of."""

    @property
    def secrets(self) -> DeviceSecrets:
        """The keys that it has now."""
        return self.replica.core.secrets

    @property
    def device_id(self) -> DeviceId:
        """What it is called by these keys."""
        return self.secrets.device_id

    def ask_for_keys(self) -> Replace:
        """Ask for new keys.

        Edits that no server has acknowledged may be made anew, with other hashes: of these only
        the records that they make are looked for in the end.
        """
        core = self.replica.core
        unsent = self.made_anew
        unsent.update(hash_of(edit.change) for edit in self.replica.pending)
        for raw in self.replica.unacked_raws:
            entry = verified_entry(core, raw)
            key = core.epoch_keys[entry.value.epoch]
            unsent.update(map(hash_of, open_entry(entry, core.wallet_id, key).changes))
        for made in [one for one in self.returned if one.hash in unsent]:
            self.returned.remove(made)
            self.revived_records |= made.records
        wanted = ask(self.replica).wanted
        self._wake()
        return wanted

    @abstractmethod
    def _wake(self) -> None:
        """Commit soon."""
