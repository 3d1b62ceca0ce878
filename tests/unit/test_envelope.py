from dataclasses import replace
from typing import Any

import pytest

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import Content, Place, Sealer, open_entry
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    CommitMismatch,
    LimitExceeded,
    LocalProtocolError,
    Malformed,
)
from billfold_protocol.feed import Dep, Entry, Opening, feed_id, parse_entry, verify_entry
from billfold_protocol.feed.entry import header, sign_entry
from billfold_protocol.ids import ChainHead, EntryId, EpochId, EpochKey, FeedId, WalletId
from billfold_protocol.key_hierarchy import entry_key
from billfold_protocol.membership import Role
from tests.support.wallets import TIME_S, TestDevice, TestFeed, TestWallet

WALLET = TestWallet("envelope")
AUTHOR = WALLET.owner
WALLET_ID = WALLET.chain.wallet_id
CONTENT = Content(changes=(b"one", b"", b"three" * 100), time_ms=TIME_S * 1000)


def seal(content: Content = CONTENT, *, deps: tuple[Dep, ...] = ()) -> Verified[Entry]:
    return AUTHOR.sealer.seal(
        content,
        TestFeed("envelope").place(AUTHOR.id, deps),
        state=WALLET.state,
        key=WALLET.epoch_key,
        random=AUTHOR.random,
    )


def sealed_as(plaintext: bytes, *, padded: bytes | None = None) -> Verified[Entry]:
    """Return an entry of the author's that holds any plaintext at all."""
    entry = seal().value
    body = hashing.digest(Domain.ENTRY_BODY, WALLET_ID, plaintext)
    entry = replace(entry, body=body, ciphertext=b"")
    associated = hashing.frame(Domain.ENTRY_SEAL, WALLET_ID, codec.encode(header(entry)))
    ciphertext = sealing.seal(
        entry_key(WALLET.epoch_key, WALLET_ID),
        entry.nonce,
        sealing.pad(plaintext) if padded is None else padded,
        associated,
    )
    return sign_entry(replace(entry, ciphertext=ciphertext), WALLET_ID, AUTHOR.signing_key)


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        Content(changes=(), time_ms=0),
        Content(changes=(b"",), time_ms=-5_000),
        Content(changes=(b"\0" * 1000,), time_ms=2**53),
        Content(changes=(b"x",) * limits.CHANGES_COUNT_MAX, time_ms=-(2**53)),
    ],
)
def test_what_is_sealed_opens_again_on_another_device(content: Content) -> None:
    entry = seal(content)
    signed = parse_entry(entry.raw, WALLET_ID)
    verified = verify_entry(signed, WALLET_ID, AUTHOR.keys.signing)
    assert open_entry(verified, WALLET_ID, WALLET.epoch_key) == content


def test_an_entry_names_the_membership_it_was_made_under() -> None:
    entry = seal().value
    state = WALLET.state
    assert (entry.k, entry.head, entry.epoch, entry.document) == (
        state.k,
        state.head,
        state.epoch.id,
        state.document,
    )


def test_the_largest_content_fits_and_one_byte_more_does_not() -> None:
    overhead = len(codec.encode([bytes(16), [bytes(200_000)], CONTENT.time_ms])) - 200_000
    size = limits.ENTRY_PLAINTEXT_SIZE_MAX - overhead
    entry = seal(Content(changes=(bytes(size),), time_ms=CONTENT.time_ms))
    assert len(entry.raw) <= limits.ENTRY_SIZE_MAX
    parse_entry(entry.raw, WALLET_ID)
    with pytest.raises(LimitExceeded):
        seal(Content(changes=(bytes(size + 1),), time_ms=CONTENT.time_ms))


def test_more_changes_than_a_reader_takes_are_not_sealed() -> None:
    with pytest.raises(LimitExceeded):
        seal(Content(changes=(b"",) * (limits.CHANGES_COUNT_MAX + 1), time_ms=0))


def deps(*feeds: int) -> tuple[Dep, ...]:
    return tuple(Dep(FeedId(n.to_bytes(16, "big")), 0, EntryId(bytes(32))) for n in feeds)


def test_deps_that_a_reader_refuses_are_not_sealed() -> None:
    assert len(seal(deps=deps(*range(limits.DEPS_COUNT_MAX))).value.deps) == limits.DEPS_COUNT_MAX
    with pytest.raises(LimitExceeded):
        seal(deps=deps(*range(limits.DEPS_COUNT_MAX + 1)))
    place = TestFeed("envelope").place(AUTHOR.id)
    for wrong in ((2, 1), (1, 1)):
        with pytest.raises(LocalProtocolError):
            AUTHOR.sealer.seal(
                CONTENT,
                replace(place, deps=deps(*wrong)),
                state=WALLET.state,
                key=WALLET.epoch_key,
                random=AUTHOR.random,
            )


@pytest.mark.parametrize("time_ms", [2**53 + 1, -(2**53) - 1])
def test_a_time_that_a_reader_refuses_is_not_sealed(time_ms: int) -> None:
    with pytest.raises(LocalProtocolError):
        seal(Content(changes=(), time_ms=time_ms))


def test_a_place_that_a_reader_refuses_is_not_sealed() -> None:
    place = TestFeed("envelope").place(AUTHOR.id)
    assert isinstance(place.prev, Opening)
    for wrong in (
        replace(place, deps=(Dep(place.feed, 0, EntryId(bytes(32))),)),
        replace(place, feed=FeedId(bytes(16))),
        replace(place, prev=replace(place.prev, device=TestDevice("envelope/other").id)),
        replace(place, prev=replace(place.prev, salt=bytes(16))),
    ):
        with pytest.raises(LocalProtocolError):
            AUTHOR.sealer.seal(
                CONTENT, wrong, state=WALLET.state, key=WALLET.epoch_key, random=AUTHOR.random
            )


CHANGES: dict[str, Any] = {
    "feed": FeedId(bytes(16)),
    "seq": 1,
    "prev": Opening(AUTHOR.id, bytes(16), Dep(FeedId(bytes(16)), 0, EntryId(bytes(32)))),
    "deps": deps(1),
    "body": bytes(32),
    "document": 1,
    "k": 3,
    "head": ChainHead(bytes(16)),
    "epoch": EpochId(bytes(16)),
    "nonce": bytes(24),
    "ciphertext": bytes(300),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_ciphertext_opens_under_its_own_header_only(field: str) -> None:
    changed = replace(seal().value, **{field: CHANGES[field]})
    again = sign_entry(changed, WALLET_ID, AUTHOR.signing_key)
    with pytest.raises(AuthFailed):
        open_entry(again, WALLET_ID, WALLET.epoch_key)


def test_every_field_of_an_entry_but_its_id_is_bound() -> None:
    assert {*CHANGES, "id"} == set(Entry.__slots__)


def test_an_entry_opens_with_its_epochs_key_in_its_wallet_only() -> None:
    entry = seal()
    for wallet_id, key in (
        (WALLET_ID, EpochKey(bytes(32))),
        (WalletId(bytes(32)), WALLET.epoch_key),
    ):
        with pytest.raises(AuthFailed):
            open_entry(entry, wallet_id, key)


def test_the_ciphertext_of_another_entry_does_not_open() -> None:
    left, right = seal(), seal()
    swapped = replace(left.value, ciphertext=right.value.ciphertext, nonce=right.value.nonce)
    with pytest.raises(AuthFailed):
        open_entry(sign_entry(swapped, WALLET_ID, AUTHOR.signing_key), WALLET_ID, WALLET.epoch_key)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [bytes(16), []],
        [bytes(15), [], 0],
        [bytes(16), None, 0],
        [bytes(16), ["text"], 0],
        [bytes(16), [b""] * (limits.CHANGES_COUNT_MAX + 1), 0],
        [bytes(16), [], None],
        [bytes(16), [], True],
        [bytes(16), [], 2**53 + 1],
        [bytes(16), [], 0, 0],
    ],
)
def test_a_plaintext_of_another_shape_is_malformed(value: object) -> None:
    entry = sealed_as(codec.encode(value))
    with pytest.raises(Malformed):
        open_entry(entry, WALLET_ID, WALLET.epoch_key)


@pytest.mark.parametrize(
    ("plaintext", "padded", "error"),
    [
        (codec.encode([bytes(16), [], 0]), bytes(256), Malformed),
        (codec.encode([bytes(16), [], 0]), b"", Malformed),
        (codec.encode([bytes(16), [], 0]), sealing.pad(b"other"), CommitMismatch),
        (codec.encode([bytes(16), [], 0]) + b"\0", None, Malformed),
        (b"\x93\xc4\x10" + bytes(16) + b"\x90\xcc\x00", None, Malformed),
    ],
)
def test_a_plaintext_that_the_id_does_not_name_or_in_other_padding_is_refused(
    plaintext: bytes, padded: bytes | None, error: type[BillfoldError]
) -> None:
    with pytest.raises(BillfoldError) as caught:
        open_entry(sealed_as(plaintext, padded=padded), WALLET_ID, WALLET.epoch_key)
    assert caught.type is error


class Resealing:
    """An entry, and the wallet one rotation later."""

    def __init__(self) -> None:
        self.wallet = TestWallet("resealing")
        self.author = self.wallet.owner
        self.old_key = self.wallet.epoch_key
        self.entry = self.wallet.seal(self.author, TestFeed("resealing"), b"content")
        self.wallet.rotate()

    def again(self, entry: Entry, old_key: EpochKey) -> Verified[Entry]:
        return self.author.sealer.reseal(
            entry,
            old_key=old_key,
            state=self.wallet.state,
            key=self.wallet.epoch_key,
            random=self.author.random,
        )


def test_an_entry_sealed_again_keeps_its_id_and_its_content() -> None:
    scene = Resealing()
    again = scene.again(scene.entry.value, scene.old_key)
    wallet_id = scene.wallet.chain.wallet_id
    assert again.value.id == scene.entry.value.id
    assert again.value.epoch == scene.wallet.state.epoch.id != scene.entry.value.epoch
    assert again.value.nonce != scene.entry.value.nonce
    assert open_entry(again, wallet_id, scene.wallet.epoch_key) == open_entry(
        scene.entry, wallet_id, scene.old_key
    )
    with pytest.raises(AuthFailed):
        open_entry(again, wallet_id, scene.old_key)


def test_an_entry_that_does_not_open_is_not_sealed_again() -> None:
    scene = Resealing()
    with pytest.raises(AuthFailed):
        scene.again(scene.entry.value, EpochKey(bytes(32)))


def test_no_nonce_repeats_though_randomness_is_broken() -> None:
    wallet = TestWallet("broken")
    author = wallet.owner
    wallet.link(TestDevice("broken/other"))
    sealer = Sealer(author.signing_key, bytes(32))
    pairs: set[tuple[EpochId, bytes]] = set()
    entries: list[Entry] = []

    def seal_with_zeros(place: Place) -> Entry:
        return sealer.seal(
            Content(changes=(b"the same",), time_ms=0),
            place,
            state=wallet.state,
            key=wallet.epoch_key,
            random=bytes,
        ).value

    for feed in range(3):
        salt = bytes([feed]) * 16
        prev: EntryId | Opening = Opening(author.id, salt, None)
        for seq in range(20):
            place = Place(feed=feed_id(author.id, salt), seq=seq, prev=prev, deps=())
            entries.append(seal_with_zeros(place))
            prev = entries[-1].id
    # A change of the membership that begins no epoch seals the same plaintext for the same key.
    key, epoch = wallet.epoch_key, wallet.state.epoch.id
    wallet.set_role(TestDevice("broken/other"), Role.VIEWER)
    assert wallet.state.epoch.id == epoch
    entries += [
        sealer.reseal(entry, old_key=key, state=wallet.state, key=key, random=bytes).value
        for entry in list(entries)
    ]
    pairs = {(entry.epoch, entry.nonce) for entry in entries}
    assert len(pairs) == len(entries) == 120


def test_two_devices_with_the_same_randomness_take_other_nonces() -> None:
    place = TestFeed("twins").place(AUTHOR.id)
    nonces = {
        Sealer(AUTHOR.signing_key, secret)
        .seal(CONTENT, place, state=WALLET.state, key=WALLET.epoch_key, random=bytes)
        .value.nonce
        for secret in (bytes(32), b"\1" * 32)
    }
    assert len(nonces) == 2
