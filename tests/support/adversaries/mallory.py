"""A full member whose software checks nothing: it signs and seals whatever it likes.

    mallory = Mallory(stage.link(laptop, "mallory"))
    raw = mallory.entry(changes=[b"not a change"])
    stage.server.answers.inject(phone.device_id, mallory.carries(raw))

Spec: 02-threat-model.md
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Dep, Entry, Opening, entry_id, feed_id, parse_entry
from billfold_protocol.feed.entry import header, sign_entry
from billfold_protocol.ids import EntryId, EpochKey, FeedId, WalletId
from billfold_protocol.key_hierarchy import entry_key
from billfold_protocol.membership import (
    MembershipEntry,
    MembershipState,
    Payload,
    Role,
)
from billfold_protocol.membership import (
    sign_entry as sign_membership,
)
from billfold_protocol.messages import ClientMessage, Entries, Members, Offer, encode_client_message
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.seeded_bytes import SeededBytes


class Wishes(TypedDict, total=False):
    """What of an entry shall be other than what comes next."""

    changes: Sequence[bytes]
    plaintext: bytes
    """In place of what holds the changes."""

    ciphertext: bytes
    """In place of what the plaintext is sealed to; the id is still the plaintext's."""

    body: bytes
    """In place of the plaintext's hash."""

    nonce: bytes
    state: MembershipState
    """The membership that the entry names."""

    key: EpochKey
    feed: FeedId
    seq: int
    prev: EntryId | Opening
    deps: Sequence[Dep]
    is_kept: bool
    """Whether the next entry follows this one."""


class Mallory:
    """A member's keys without the member's scruples."""

    def __init__(self, device: HonestDevice) -> None:
        """Take over a device that was linked honestly; it does nothing by itself any more."""
        self.device = device
        self.replica = device.replica
        self.secrets = device.secrets
        self.signing_key = device.secrets.signing_key
        self._random = SeededBytes(f"{device.name}/mallory")
        self._feed_salt = self._random(16)
        self._entries: list[Entry] = []
        self._previous: Dep | None = None
        device.stage.devices.remove(device)

    @property
    def state(self) -> MembershipState:
        """The membership as it knows it."""
        return self.replica.state

    def begin_feed(self) -> None:
        """Go on in another feed of its own, which names the one before."""
        if self._entries:
            head = self._entries[-1]
            self._previous = Dep(head.feed, head.seq, head.id)
        self._feed_salt = self._random(16)
        self._entries = []

    @property
    def feed(self) -> FeedId:
        """A feed of its own, which it alone fills."""
        return feed_id(self.secrets.device_id, self._feed_salt)

    def entry(self, **wishes: Unpack[Wishes]) -> bytes:
        """Seal and sign an entry; what is not given is what comes next in its own feed."""
        at = wishes.get("state") or self.state
        wallet_id = at.wallet_id
        plaintext = wishes.get("plaintext")
        if plaintext is None:
            changes = list(wishes.get("changes", ()))
            plaintext = codec.encode([self._random(16), changes, 0])
        body = wishes.get("body") or hashing.digest(Domain.ENTRY_BODY, wallet_id, plaintext)
        number = wishes.get("seq", len(self._entries))
        before = wishes.get("prev") or (
            self._entries[number - 1].id
            if number
            else Opening(self.secrets.device_id, self._feed_salt, self._previous)
        )
        deps = wishes.get("deps", ())
        nonce = wishes.get("nonce") or self._random(sealing.NONCE_SIZE)
        ciphertext = wishes.get("ciphertext")
        key = wishes.get("key")
        own_feed = wishes.get("feed") or self.feed
        entry = Entry(
            id=entry_id(
                wallet_id, feed=own_feed, seq=number, prev=before, deps=tuple(deps), body=body
            ),
            feed=own_feed,
            seq=number,
            prev=before,
            deps=tuple(deps),
            body=body,
            document=at.document,
            k=at.k,
            head=at.head,
            epoch=at.epoch.id,
            nonce=nonce,
            ciphertext=b"",
        )
        if ciphertext is None:
            context = hashing.frame(Domain.ENTRY_SEAL, wallet_id, codec.encode(header(entry)))
            epoch_key = key or self.replica.core.epoch_keys[at.epoch.id]
            sealing_key = entry_key(epoch_key, wallet_id)
            ciphertext = sealing.seal(sealing_key, entry.nonce, sealing.pad(plaintext), context)
        sealed = replace(entry, ciphertext=ciphertext)
        if wishes.get("is_kept", True):
            self._entries.append(sealed)
        return sign_entry(sealed, wallet_id, self.signing_key).raw

    def membership(self, payload: Payload, *, after: MembershipState | None = None) -> bytes:
        """Sign a membership entry that it may or may not make."""
        state = after or self.state
        entry = MembershipEntry(
            k=state.k + 1,
            time_s=0,
            wallet_id=state.wallet_id,
            previous=state.hash,
            author=self.secrets.device_id,
            payload=payload,
        )
        return sign_membership(entry, self.signing_key).raw

    def carries(self, *raws: bytes) -> Entries:
        """Return the message with which a server passes entries on."""
        return Entries(wallet_id=self.replica.wallet_id, n=0, entries=raws)

    def announces(self, raw: bytes, *, k: int | None = None) -> Members:
        """Return the message with which a server passes a membership entry on."""
        at = self.state.k + 1 if k is None else k
        return Members(wallet_id=self.replica.wallet_id, k=at, entries=(raw,))

    def brings(self, *raws: bytes) -> None:
        """Give the server entries, which it takes as it would from anybody, and let it settle."""
        self.send(Offer(wallet_id=self.replica.wallet_id, entries=raws))
        self.device.stage.settle(5.0)

    def send(self, message: ClientMessage) -> None:
        """Say something to the server that an honest client would not."""
        self.device.connection.send_up(encode_client_message(message))


def with_mallory(
    seed: str, role: Role = Role.EDITOR
) -> tuple[Stage, HonestDevice, HonestDevice, Mallory]:
    """Return a stage with two honest devices of one wallet and a member that is not."""
    stage, laptop, phone = pair(seed)
    return stage, laptop, phone, Mallory(stage.link(laptop, "mallory", role))


def following(raw: bytes, wallet_id: WalletId) -> bytes:
    """Return the unsigned bytes of an entry that would follow another, with its content."""
    entry = parse_entry(raw, wallet_id).value
    fields = codec.as_array(codec.decode(raw[64:], size_max=limits.ENTRY_SIZE_MAX))
    fields[2], fields[3] = entry.seq + 1, entry.id
    return codec.encode(fields)
