"""A thief: all that a device's disk held at one moment, its session included, and the keys in it.

Spec: 02-threat-model.md
"""

import shutil
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

from billfold.document import base_merge_kinds
from billfold.founding import NewReplica
from billfold.replica import Replica
from billfold.store import MemoryStore
from billfold_protocol.envelope import open_entry
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import parse_entry, verify_entry
from billfold_protocol.ids import EntryId
from billfold_protocol.key_hierarchy import open_back_links, open_wrap
from tests.support.adversaries.stage import HonestDevice, Stage
from tests.support.device_tokens import MemoryToken
from tests.support.seeded_bytes import SeededBytes


class StolenStore(MemoryStore):
    """A copy of a device's store, as it was on its disk."""

    def __init__(self, device: HonestDevice) -> None:
        super().__init__()
        self._tables = deepcopy(device.store._tables)  # noqa: SLF001  # It is the disk.


class Thief:
    """Holds a copied device; can run it beside the original, or read with its keys."""

    def __init__(self, device: HonestDevice) -> None:
        """Copy a device as it is on its disk now."""
        self.secrets = device.secrets
        self.token = device.token.copied()
        self.store = StolenStore(device)
        self.chain = device.replica.core.chain
        self.keys = dict(device.replica.core.epoch_keys)
        self._device = device

    def runs(self, stage: Stage, name: str, *, has_token: bool = False) -> HonestDevice:
        """Start the copy beside the original, perhaps with its device token too."""
        core = self._device.replica.core
        founded = NewReplica(
            secrets=self.secrets,
            holder=core.holder,
            chain=core.chain,
            epoch_keys=self.keys,
            feed_salt=core.feed_salt,
        )
        token = self.token if has_token else MemoryToken()
        return CopiedDevice(name, founded, stage=stage, store=self.store, token=token)

    def opens(self, stage: Stage, witness: HonestDevice) -> set[EntryId]:
        """Return the stored entries that open with its keys and all that the server has.

        Args:
            stage: where the server is, which gives the thief everything.
            witness: a device that remains, which knows whose each feed is.
        """
        wallet_id = self.chain.wallet_id
        chain, graph = witness.replica.core.chain, witness.replica.core.graph
        keys = dict(self.keys)
        for wrap in stage.server.store.wraps(wallet_id):
            for claimed in (self.secrets.device_id, wrap.device):
                with suppress(BillfoldError):
                    key = self.secrets.unwrapping_key
                    keys.update([open_wrap(chain, wrap.k, claimed, key, wrap.raw)])
        keys = open_back_links(chain, keys).keys
        opened: set[EntryId] = set()
        for row in stage.server.store.entries(wallet_id):
            signed = parse_entry(row.raw, wallet_id)
            owner = graph.device_of(signed.value.feed)
            assert owner is not None
            public = chain.keys_of(owner)
            assert public is not None
            entry = verify_entry(signed, wallet_id, public.signing)
            for epoch_key in keys.values():
                with suppress(BillfoldError):
                    open_entry(entry, wallet_id, epoch_key)
                    opened.add(entry.value.id)
        return opened


class CopiedDevice(HonestDevice):
    """The copy, running; it is honest but for being there."""

    def __init__(
        self,
        name: str,
        founded: NewReplica,
        *,
        stage: Stage,
        store: MemoryStore,
        token: MemoryToken,
    ) -> None:
        self._stolen = (store, token)
        super().__init__(name, founded, stage=stage)

    def _load(self) -> None:
        self.store, self._token = self._stolen
        super()._load()


def copy_folder(folder: Path, to: Path) -> Path:
    """Copy a wallet's folder, whatever has it open."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.lock", "lock"))
    return to


def replica_of(device: HonestDevice) -> Replica:
    """Return a replica over a copy of a device's disk, to be handed bytes without a connection."""
    return Replica(
        StolenStore(device),
        now_ms=lambda: 0,
        random=SeededBytes(f"{device.name}/copy"),
        merge_kinds=base_merge_kinds,
    )
