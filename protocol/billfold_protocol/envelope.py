"""Sealing changes into feed entries and opening them again.

The plaintext is `[salt, changes, time_ms]`, padded to its Padmé size; `body` is its hash, which the
salt inside makes useless for guessing. Everything else in the envelope is associated data.

Spec: 14-change-envelope.md
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from billfold_protocol import codec, limits
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey, Verified
from billfold_protocol.errors import (
    BillfoldError,
    CommitMismatch,
    LimitExceeded,
    LocalProtocolError,
)
from billfold_protocol.feed import Dep, Entry, Opening, entry_id, feed_id
from billfold_protocol.feed.entry import encode_header, encode_place, header, sign_entry
from billfold_protocol.ids import EntryId, EpochKey, FeedId, WalletId
from billfold_protocol.key_hierarchy import entry_key
from billfold_protocol.membership import MembershipState

SALT_SIZE = 16

TIME_MS_MAX = 2**53
"""Milliseconds before and after 1970 that an entry may say."""

RandomBytes = Callable[[int], bytes]
"""Returns that many fresh random bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an entry holds, in clear."""

    changes: tuple[bytes, ...]
    """Automerge changes, in the order in which they were made; none in an entry that vouches."""

    time_ms: int
    """The author's clock in milliseconds since 1970; shown, never relied on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an entry stands: its feed and what it builds on."""

    feed: FeedId
    seq: int
    prev: EntryId | Opening
    deps: tuple[Dep, ...]


class Sealer:
    """One device's way to make entries: its signing key and its key for hedged nonces."""

    def __init__(self, signing_key: SigningKey, device_secret: bytes) -> None:
        self._signing_key = signing_key
        self._nonce_key = derivation.derive_key(device_secret, Domain.NONCE_KEY)

    def nonce(self, random: RandomBytes, message: bytes) -> bytes:
        """Return a 24-byte nonce for a message that is sealed under another key than an epoch's."""
        return sealing.hedged_nonce(self._nonce_key, random(sealing.NONCE_SIZE), message)

    def seal(
        self,
        content: Content,
        place: Place,
        *,
        state: MembershipState,
        key: EpochKey,
        random: RandomBytes,
    ) -> Verified[Entry]:
        """Make the entry that stands at a place, sealed for the epoch of `state`.

        Raises:
            LimitExceeded: the content or `deps` is larger than one entry may be.
            LocalProtocolError: nobody would open the entry: by its deps, its time or its opening.
        """
        if len(content.changes) > limits.CHANGES_COUNT_MAX:
            raise LimitExceeded("there are more changes than one entry may hold")
        if len(place.deps) > limits.DEPS_COUNT_MAX:
            raise LimitExceeded("the entry names more other feeds than one entry may")
        _check_place(place)
        if abs(content.time_ms) > TIME_MS_MAX:
            raise LocalProtocolError("the time is further from 1970 than an entry may say")
        salt = random(SALT_SIZE)
        plaintext = codec.encode([salt, list(content.changes), content.time_ms])
        if len(plaintext) > limits.ENTRY_PLAINTEXT_SIZE_MAX:
            raise LimitExceeded("the changes are larger than one entry may be")
        return self._seal(plaintext, place, state, key, random)

    def reseal(
        self,
        entry: Entry,
        *,
        old_key: EpochKey,
        state: MembershipState,
        key: EpochKey,
        random: RandomBytes,
    ) -> Verified[Entry]:
        """Seal an own entry again for the epoch of `state`; its id stays the same.

        Raises:
            AuthFailed, CommitMismatch: the entry does not open with `old_key`.
        """
        plaintext = _open(entry, state.wallet_id, old_key)
        place = Place(feed=entry.feed, seq=entry.seq, prev=entry.prev, deps=entry.deps)
        return self._seal(plaintext, place, state, key, random)

    def _seal(
        self,
        plaintext: bytes,
        place: Place,
        state: MembershipState,
        key: EpochKey,
        random: RandomBytes,
    ) -> Verified[Entry]:
        wallet_id = state.wallet_id
        body = hashing.digest(Domain.ENTRY_BODY, wallet_id, plaintext)
        entry = Entry(
            id=entry_id(
                wallet_id,
                feed=place.feed,
                seq=place.seq,
                prev=place.prev,
                deps=place.deps,
                body=body,
            ),
            feed=place.feed,
            seq=place.seq,
            prev=place.prev,
            deps=place.deps,
            body=body,
            document=state.document,
            k=state.k,
            head=state.head,
            epoch=state.epoch.id,
            nonce=b"",
            ciphertext=b"",
        )
        at = encode_place(entry)
        # The place is part of the message: one plaintext sealed at two places takes two nonces.
        message = _associated_data(encode_header(at, b""), wallet_id) + plaintext
        nonce = sealing.hedged_nonce(self._nonce_key, random(sealing.NONCE_SIZE), message)
        ciphertext = sealing.seal(
            entry_key(key, wallet_id),
            nonce,
            sealing.pad(plaintext),
            _associated_data(encode_header(at, nonce), wallet_id),
        )
        entry = replace(entry, nonce=nonce, ciphertext=ciphertext)
        return sign_entry(entry, wallet_id, self._signing_key, place=at)


def open_entry(entry: Verified[Entry], wallet_id: WalletId, key: EpochKey) -> Content:
    """Open a verified entry with the key of its epoch.

    Raises:
        AuthFailed: the ciphertext does not open.
        CommitMismatch: the plaintext is not the one that the entry's id names.
        Malformed: the plaintext is not an entry's.
    """
    plaintext = _open(entry.value, wallet_id, key)
    salt, changes, time_ms = codec.as_array(
        codec.decode(plaintext, size_max=limits.ENTRY_PLAINTEXT_SIZE_MAX), 3
    )
    codec.as_bytes(salt, SALT_SIZE)
    items: Sequence[object] = codec.as_list(changes, count_max=limits.CHANGES_COUNT_MAX)
    return Content(
        changes=tuple(codec.as_bytes(item) for item in items),
        time_ms=codec.as_integer(time_ms, minimum=-TIME_MS_MAX, maximum=TIME_MS_MAX),
    )


def can_open(entry: Entry, wallet_id: WalletId, key: EpochKey) -> bool:
    """Whether a key opens an entry, whatever epoch the entry names."""
    try:
        _open(entry, wallet_id, key)
    except BillfoldError:
        return False
    return True


def _check_place(place: Place) -> None:
    if any(left.feed >= right.feed for left, right in pairwise(place.deps)):
        raise LocalProtocolError("the feeds of deps are not in strictly ascending order")
    if any(dep.feed == place.feed for dep in place.deps):
        raise LocalProtocolError("an entry does not name its own feed in deps")
    prev = place.prev
    if isinstance(prev, Opening) and feed_id(prev.device, prev.salt) != place.feed:
        raise LocalProtocolError("the feed's id is not that of its device and salt")


def _open(entry: Entry, wallet_id: WalletId, key: EpochKey) -> bytes:
    associated = _associated_data(codec.encode(header(entry)), wallet_id)
    padded = sealing.unseal(entry_key(key, wallet_id), entry.nonce, entry.ciphertext, associated)
    plaintext = sealing.unpad(padded)
    if hashing.digest(Domain.ENTRY_BODY, wallet_id, plaintext) != entry.body:
        raise CommitMismatch("the sealed changes are not the ones the entry names")
    return plaintext


def _associated_data(encoded_header: bytes, wallet_id: WalletId) -> bytes:
    return hashing.frame(Domain.ENTRY_SEAL, wallet_id, encoded_header)
