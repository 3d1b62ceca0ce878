"""Every member's wrap of the current epoch's key, kept by every device.

A wrap cannot be made again: it is drawn at random, and the membership entry lists its hash. So a
server that lost everything can be filled again from any one device only if each device keeps the
others' wraps too. They are sealed to their recipients. Those of older epochs may go: who opens the
newest key reads the older ones by the back-links.

Spec: 21-sync.md
"""

from collections.abc import Iterable

from billfold.replica import Replica
from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import listed_wraps, wrap_hash

WRAPS_KEY = "wraps:"
ASKED_KEY = "wraps asked"
KEPT_SIZE_MAX = limits.MEMBERS_COUNT_MAX * (limits.WRAP_SIZE_MAX + 32) + 16

Wraps = tuple[tuple[int, DeviceId, bytes], ...]


def keep_wraps(replica: Replica, wraps: Iterable[tuple[int, DeviceId, bytes]]) -> None:
    """Keep those that the chain lists for the current epoch, and forget those of older epochs."""
    chain, first_k = replica.core.chain, replica.state.epoch.k
    found: dict[int, dict[DeviceId, bytes]] = {}
    for k, device, wrapped in wraps:
        if first_k <= k < len(chain) and listed_wraps(chain, k).get(device) == wrap_hash(wrapped):
            found.setdefault(k, {})[device] = wrapped
    for k, new in found.items():
        kept = {device: wrapped for _, device, wrapped in kept_wraps(replica, k)}
        if new.items() <= kept.items():
            continue
        items = [[device, wrapped] for device, wrapped in sorted({**kept, **new}.items())]
        replica.put_meta(f"{WRAPS_KEY}{k}", codec.encode(items))
    for key in replica.meta_keys(WRAPS_KEY):
        if int(key.removeprefix(WRAPS_KEY)) < first_k:
            replica.put_meta(key, None)


def kept_wraps(replica: Replica, k: int) -> Wraps:
    """Return the wraps that are kept of the membership entry at an index.

    After a merge another entry may stand there than the one of which they were kept.
    """
    data, chain = replica.meta(f"{WRAPS_KEY}{k}"), replica.core.chain
    if data is None or k >= len(chain):
        return ()
    listed = listed_wraps(chain, k)
    try:
        pairs = [
            codec.as_array(item, 2)
            for item in codec.as_list(
                codec.decode(data, size_max=KEPT_SIZE_MAX), count_max=limits.MEMBERS_COUNT_MAX
            )
        ]
        return tuple(
            (k, DeviceId(codec.as_bytes(device, 16)), codec.as_bytes(wrapped))
            for device, wrapped in pairs
            if listed.get(DeviceId(codec.as_bytes(device))) == wrap_hash(codec.as_bytes(wrapped))
        )
    except Malformed:
        return ()


def all_kept_wraps(replica: Replica) -> Wraps:
    """Return every wrap of the current epoch that is kept, in order of index."""
    indices = range(replica.state.epoch.k, len(replica.core.chain))
    return tuple(wrap for k in indices for wrap in kept_wraps(replica, k))


def ask_again_k(replica: Replica) -> int | None:
    """Return up to which index the chain is claimed so that lost wraps come too; None for all.

    It is asked once for each epoch: what the server does not have it does not give.
    """
    state = replica.state
    if replica.core.epoch_key is None:
        # The connection broke between a rotation and its wrapped key: ask for both again.
        return state.epoch.k - 1
    chain = replica.core.chain
    listed = {
        (k, device) for k in range(state.epoch.k, len(chain)) for device in listed_wraps(chain, k)
    }
    kept = {(k, device) for k, device, _ in all_kept_wraps(replica)}
    if listed <= kept or replica.meta(ASKED_KEY) == state.epoch.id:
        return None
    replica.put_meta(ASKED_KEY, state.epoch.id)
    return state.epoch.k - 1
