"""A server that keeps the end of one feed back from some devices, and signs that there is none.

Spec: 02-threat-model.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.feed import Checkpoint, Vector, parse_entry, vector_hash
from billfold_protocol.ids import EntryId, FeedId, ServerKey, WalletId
from billfold_protocol.messages import Entries, ServerMessage, ServerState, Subscribed
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, Tamper
from tests.support.adversaries.evil_store import EvilStore


def withholding(
    store: EvilStore, key: SigningKey, wallet_id: WalletId, feed: FeedId, *, after_seq: int
) -> Tamper:
    """Return a hook that hides the entries of a feed after a place, in all that the server says.

    Args:
        store: the server's.
        key: the server's.
        wallet_id: the wallet.
        feed: the feed.
        after_seq: the newest entry that is shown.
    """

    def heads() -> Vector:
        rows = [row for row in store.entries(wallet_id) if row.feed != feed or row.seq <= after_seq]
        found: dict[FeedId, tuple[int, EntryId]] = {}
        for row in sorted(rows, key=lambda row: row.seq):
            found[row.feed] = (row.seq, row.entry_id)
        return found

    def signed(raw: bytes, vector: Vector) -> bytes:
        honest = Checkpoint.verify(raw, ServerKey(key.public_key), wallet_id)
        return replace(honest, vector_hash=vector_hash(vector)).sign(key)

    def is_shown(raw: bytes) -> bool:
        entry = parse_entry(raw, wallet_id).value
        return entry.feed != feed or entry.seq <= after_seq

    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> Iterable[Answer]:
        vector = heads()
        match message:
            case Entries(entries=entries):
                return [replace(message, entries=tuple(raw for raw in entries if is_shown(raw)))]
            case Subscribed(checkpoint=raw):
                return [replace(message, checkpoint=signed(raw, vector))]
            case ServerState(checkpoint=raw):
                return [replace(message, checkpoint=signed(raw, vector), vector=vector)]
            case _:
                return [message]

    return tamper
