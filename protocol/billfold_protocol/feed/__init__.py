"""Feeds: one device's signed sequence of sealed changes, and what makes an entry count.

`entry` is the record and its bytes, `graph` admits entries and says which count, `counting` and
`forks` decide that, `forest` and `tree` hold the admitted ones, `standing` is what is said of
them, `waiting` holds what cannot be judged yet, `vector` names the heads of all feeds,
`checkpoint` is what a server signs about what it holds, `beacon` what a device signs about what it
has seen, `freshness` orders statements, `contradiction` finds what cannot be true.

Spec: 15-feeds.md
"""

from billfold_protocol.feed.beacon import Beacon
from billfold_protocol.feed.checkpoint import Ack, Checkpoint, Reason, Rejection
from billfold_protocol.feed.contradiction import acked_state, contradiction, lost_heads
from billfold_protocol.feed.entry import (
    FEED_SALT_SIZE,
    Dep,
    Entry,
    Opening,
    entry_id,
    feed_id,
    parse_entry,
    verify_entry,
)
from billfold_protocol.feed.freshness import Freshness, statement_hash
from billfold_protocol.feed.graph import FeedGraph
from billfold_protocol.feed.standing import BaseHead, Fork, Node, Outcome, Refusal, Standing
from billfold_protocol.feed.vector import Vector, fork_head, parse_vector, vector_hash

__all__ = [
    "FEED_SALT_SIZE",
    "Ack",
    "BaseHead",
    "Beacon",
    "Checkpoint",
    "Dep",
    "Entry",
    "FeedGraph",
    "Fork",
    "Freshness",
    "Node",
    "Opening",
    "Outcome",
    "Reason",
    "Refusal",
    "Rejection",
    "Standing",
    "Vector",
    "acked_state",
    "contradiction",
    "entry_id",
    "feed_id",
    "fork_head",
    "lost_heads",
    "parse_entry",
    "parse_vector",
    "statement_hash",
    "vector_hash",
    "verify_entry",
]
