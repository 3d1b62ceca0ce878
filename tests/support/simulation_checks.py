"""What must be true of every device when nothing is under way any more.

Spec: 15-feeds.md
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from billfold.replica import Replica
from billfold.store import EntryStatus
from billfold_protocol.envelope import open_entry
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Dep, parse_entry, verify_entry
from billfold_protocol.key_hierarchy import open_wrap
from billfold_protocol.membership import Replace, SetRole

if TYPE_CHECKING:
    from tests.support.simulation import World
    from tests.support.simulation_device import SimulatedDevice


def counted_entries(replica: Replica) -> set[Dep]:
    """Return the entries that count on a replica; its store and its memory must agree."""
    counted: set[Dep] = set()
    for row in replica.core.store.entry_index():
        node = replica.core.graph.find(Dep(row.feed, row.seq, row.entry_id))
        assert node is not None, "a stored entry is not in the graph"
        assert node.is_counted == (row.status is not EntryStatus.EXCLUDED), "memory and store part"
        if node.is_counted:
            counted.add(Dep(row.feed, row.seq, row.entry_id))
    return counted


def _count_missing(here: Replica, there: Replica) -> int:
    """Return how many entries that count here do not count there, nor are in its snapshot."""
    nodes = (there.core.graph.find(dep) for dep in counted_entries(here))
    return sum(node is None or not node.is_counted for node in nodes)


def check_end(world: "World") -> None:
    """Check that the devices that remain are equal, complete and durable.

    Raises:
        AssertionError: they are not.
    """
    log = world.server.store.load_wallet(world.wallet_id)
    assert log is not None, "the wallet never reached the server"
    held = {feed: (head.seq, head.entry_id) for feed, head in log.heads.items()}
    remaining = [device for device in world.devices if not device.replica.is_removed]
    assert remaining
    for device in world.devices:
        assert not device.complaints, (device, device.complaints)
    for device in remaining:
        replica = device.replica
        assert tuple(replica.core.chain.raws) == log.members, (device, "another chain")
        graph, vector = replica.core.graph, replica.vector_on_server()
        is_alike = vector.keys() <= held.keys() <= replica.vector.keys()
        assert is_alike, (device, "other feeds than the server")
        for feed, head in held.items():
            if not graph.is_forked(feed):
                is_same = vector.get(feed) == head
                # A reader does not push again what it has no ack of: the server may have a part.
                last = replica.vector[feed][0]
                first = vector[feed][0] if feed in vector else -1
                is_part = not replica.core.may_write and first <= head[0] <= last
                assert is_same or is_part, (device, "another vector than the server")
            assert graph.find(Dep(feed, *head)), (device, "lacks what the server holds")
        assert replica.waiting_count == 0, (device, "something waits for ever")
        assert replica.quarantined_count == 0, (device, "honest entries were set aside")
        if replica.core.may_write:
            assert replica.unsynced_count == 0, (device, "something was never pushed")
    for left, right in pairwise(remaining):
        difference = _count_missing(left.replica, right.replica)
        difference += _count_missing(right.replica, left.replica)
        assert difference == 0, (left, right, f"{difference} entries count on one only")
        assert left.replica.state_hash() == right.replica.state_hash(), (left, right, "unequal")
    _check_edits(remaining)
    for device in remaining:
        before = (device.replica.state_hash(), device.replica.vector)
        replica = device.reopen()
        assert before == (replica.state_hash(), replica.vector), (device, "a restart changed it")


def check_revoked(world: "World") -> None:
    """Check that no revoked device can open an entry of an epoch that began after its removal.

    Raises:
        AssertionError: one can.
    """
    remaining = [device for device in world.devices if not device.replica.is_removed]
    chain = remaining[0].replica.core.chain
    stored = world.server.store.read_entries(
        world.wallet_id, after_n=0, count_max=1_000_000, size_max=2**40
    )
    for device in world.devices:
        removed_k = chain.state.removed.get(device.device_id)
        if removed_k is None:
            continue
        keys = list(device.replica.core.epoch_keys.values())
        for raw in (entry.raw for entry in stored):
            signed = parse_entry(raw, world.wallet_id)
            if signed.value.k < removed_k:
                continue
            owner = remaining[0].replica.core.graph.device_of(signed.value.feed)
            assert owner is not None
            public = chain.keys_of(owner)
            assert public is not None
            entry = verify_entry(signed, world.wallet_id, public.signing)
            for key in keys:
                opened = _opens(open_entry, entry, world.wallet_id, key)
                assert not opened, (device, "opens what came after its removal")
        for wrap_device in world.devices:
            wraps = world.server.store.read_wraps(
                world.wallet_id, wrap_device.device_id, after_k=removed_k - 1
            )
            secret = device.secrets.unwrapping_key
            for wrap in wraps:
                for claimed in (device.device_id, wrap_device.device_id):
                    opened = _opens(open_wrap, chain, wrap.k, claimed, secret, wrap.raw)
                    assert not opened, (device, "opens the key of a later epoch")


def _opens(attempt: Callable[..., object], *arguments: object) -> bool:
    try:
        attempt(*arguments)
    except BillfoldError:
        return False
    return True


def _check_edits(remaining: Iterable["SimulatedDevice"]) -> None:
    """Check that every edit that had returned is in every document.

    What a device made before it lost the right to write is not in the wallet unless it was seen.
    """
    devices = list(remaining)
    chain = devices[0].replica.core.chain
    lost_at: dict[bytes, int] = {}
    for k, entry in enumerate(chain.entries):
        if isinstance(entry.payload, SetRole) and not entry.payload.role.can_write:
            lost_at[entry.payload.device] = k
        if isinstance(entry.payload, Replace) and entry.payload.device in lost_at:
            lost_at[entry.payload.keys.device_id] = lost_at[entry.payload.device]
    for author in devices:
        if author.device_id not in lost_at:
            for device in devices:
                missing = author.revived_records - set(device.replica.document.record_ids())
                assert not missing, (author, device, "what a backup alone held is missing")
        for returned in author.returned:
            if returned.k < lost_at.get(author.device_id, -1):
                continue
            for device in devices:
                has = device.replica.document.has_change(returned.hash)
                assert has, (author, device, "an edit that had returned is missing")
