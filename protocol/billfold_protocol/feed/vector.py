"""The heads of all feeds of a wallet, and the hash that stands for them.

Spec: 15-feeds.md
"""

from collections.abc import Mapping, Sequence

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.ids import EntryId, FeedId

Vector = Mapping[FeedId, tuple[int, EntryId]]
"""The sequence number and id of the newest entry of each feed, whether or not it counts.

A forked feed has the largest sequence number of its branches and the hash of all their ends."""


def encode_vector(vector: Vector) -> list[object]:
    """Return the vector as it stands in messages: `[feed, seq, id]`, in feed order."""
    return [[feed, seq, id_] for feed, (seq, id_) in sorted(vector.items())]


def parse_vector(value: object) -> Vector:
    """Parse what `encode_vector` made.

    Raises:
        Malformed: it is something else.
    """
    vector: dict[FeedId, tuple[int, EntryId]] = {}
    feeds: list[bytes] = []
    for item in codec.as_list(value, count_max=limits.FEEDS_COUNT_MAX):
        feed, seq, id_ = codec.as_array(item, 3)
        feed_id = FeedId(codec.as_bytes(feed, 16))
        feeds.append(feed_id)
        vector[feed_id] = (codec.as_integer(seq), EntryId(codec.as_bytes(id_, 32)))
    codec.require_ascending(feeds, "the feeds of a vector")
    return vector


def vector_hash(vector: Vector) -> bytes:
    """Return the 32-byte hash of a vector."""
    return hashing.digest(Domain.VECTOR_HASH, codec.encode(encode_vector(vector)))


def fork_head(ends: Sequence[EntryId]) -> EntryId:
    """Return the 32 bytes that stand in a vector for the ends of a forked feed's branches."""
    return EntryId(hashing.digest(Domain.VECTOR_FORK, *sorted(ends)))
