"""What the vectors of feed entries share: where they are made, and how one is told.

Spec: 14-change-envelope.md
"""

from dataclasses import replace

from billfold_protocol import codec
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.envelope import Content, Place, Sealer
from billfold_protocol.feed import Dep, Entry, entry_id, feed_id
from billfold_protocol.feed.entry import header, sign_entry
from billfold_protocol.ids import EntryId, FeedId
from billfold_protocol.key_hierarchy import entry_key
from specs.vectors import story
from specs.vectors.wallets import (
    START_S,
    Stream,
    Vector,
    Wallet,
    salt_of,
    secret,
)

LAPTOP = story.LAPTOP
DEVICE_SECRET = secret("device secret laptop")
SALT = salt_of("laptop")
FEED = feed_id(LAPTOP.id, SALT)
K = 6
"""The index in the story at which most of the entries are made."""

PREV = EntryId(secret("the entry before"))
LOW = Dep(FeedId(b"\0" * 16), 7, EntryId(secret("dep low")))
HIGH = Dep(FeedId(b"\xff" * 16), 300, EntryId(secret("dep high")))
CONTENT = Content(changes=(b"a change",), time_ms=START_S * 1000)
PLACE = Place(feed=FEED, seq=1, prev=PREV, deps=())


def make_entry(wallet: Wallet, place: Place, content: Content, random: Stream, k: int) -> Entry:
    """Return an entry of the laptop in the state at an index of the story."""
    state = wallet.chain.state_at(k)
    key = wallet.keys[state.epoch.id]
    sealer = Sealer(LAPTOP.signing, DEVICE_SECRET)
    return sealer.seal(content, place, state=state, key=key, random=random).value


def signed_entry(wallet: Wallet, entry: Entry) -> bytes:
    """Return the entry's bytes, signed by the laptop."""
    return sign_entry(entry, wallet.id, LAPTOP.signing).raw


def opening_vector(wallet: Wallet, raw: bytes, name: str, comment: str, expect: str) -> Vector:
    """Return a vector of opening: parse, check the laptop's signature, open, read."""
    return {
        "id": name,
        "comment": comment,
        "wallet_id": wallet.id.hex(),
        "public_key": LAPTOP.signing.public_key.hex(),
        "epoch_key": wallet.keys[wallet.chain.state_at(K).epoch.id].hex(),
        "entry": raw.hex(),
        "expect": expect,
    }


def seal_padded(wallet: Wallet, like: Entry, padded: bytes, *, body: bytes) -> bytes:
    """Return an entry whose padded plaintext may be anything, sealed and signed well."""
    named = entry_id(
        wallet.id, feed=like.feed, seq=like.seq, prev=like.prev, deps=like.deps, body=body
    )
    entry = replace(like, id=named, body=body)
    key = entry_key(wallet.keys[like.epoch], wallet.id)
    sealed = sealing.seal(key, entry.nonce, padded, associated_data_of(wallet, entry))
    return signed_entry(wallet, replace(entry, ciphertext=sealed))


def associated_data_of(wallet: Wallet, entry: Entry) -> bytes:
    """Return what an entry is sealed with."""
    return hashing.frame(Domain.ENTRY_SEAL, wallet.id, codec.encode(header(entry)))
