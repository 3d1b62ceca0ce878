from dataclasses import replace
from typing import Any

import pytest

from billfold_protocol import codec, limits
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import AuthFailed, BillfoldError, Downgrade, Malformed, WrongContext
from billfold_protocol.feed import (
    Dep,
    Entry,
    Opening,
    entry_id,
    feed_id,
    parse_entry,
    parse_vector,
    vector_hash,
    verify_entry,
)
from billfold_protocol.feed.entry import sign_entry
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import ChainHead, EntryId, EpochId, FeedId, WalletId
from tests.support.seeded_bytes import bytes_of
from tests.support.wallets import TestDevice, TestFeed, TestWallet

WALLET = TestWallet("entry")
AUTHOR = WALLET.owner
OTHER = WALLET.link(TestDevice("entry/other"))
OTHER_FEED = TestFeed("entry/other")
WALLET.seal(OTHER, OTHER_FEED, b"other")
FEED = TestFeed("entry/own", previous=OTHER_FEED.head)
FIRST = WALLET.seal(AUTHOR, FEED, b"first")
SECOND = WALLET.seal(AUTHOR, FEED, b"second", deps=[OTHER_FEED.head])
WALLET_ID = WALLET.chain.wallet_id


def dep(feed: int, seq: int = 0) -> list[object]:
    return [bytes([feed]) * 16, seq, bytes(32)]


def encoded(index: int, value: object, *, of: bytes = SECOND.raw) -> bytes:
    """Return a signed entry of which one field is another value."""
    fields = codec.decode(of[64:], size_max=limits.ENTRY_SIZE_MAX)
    assert isinstance(fields, list)
    fields[index] = value
    body = codec.encode(fields)
    return AUTHOR.signing_key.sign(Domain.ENTRY_SIGNATURE, WALLET_ID, body) + body


@pytest.mark.parametrize("entry", [FIRST, SECOND])
def test_an_entry_parses_to_what_was_signed(entry: Verified[Entry]) -> None:
    signed = parse_entry(entry.raw, WALLET_ID)
    assert signed.value == entry.value
    assert verify_entry(signed, WALLET_ID, AUTHOR.keys.signing) == entry


def test_an_entry_builds_on_the_one_before_and_on_its_deps() -> None:
    own = Dep(FEED.id, 0, FIRST.value.id)
    assert SECOND.value.ancestors == (own, OTHER_FEED.head)
    assert FIRST.value.ancestors == (OTHER_FEED.head,)
    assert FIRST.value.prev == Opening(AUTHOR.id, FEED.salt, OTHER_FEED.head)
    alone = replace(FIRST.value, prev=Opening(AUTHOR.id, FEED.salt, None))
    assert alone.ancestors == ()


def test_the_id_names_the_place_and_the_content_but_not_the_envelope() -> None:
    entry = SECOND.value
    names = ("feed", "seq", "prev", "deps", "body")
    fields: dict[str, Any] = {name: getattr(entry, name) for name in names}
    assert entry_id(WALLET_ID, **fields) == entry.id
    envelopes: tuple[dict[str, Any], ...] = (
        {"k": 0},
        {"head": ChainHead(bytes(16))},
        {"epoch": EpochId(bytes(16))},
        {"nonce": bytes(24)},
        {"ciphertext": b""},
        {"document": 7},
    )
    for changes in envelopes:
        raw = sign_entry(replace(entry, **changes), WALLET_ID, AUTHOR.signing_key).raw
        assert parse_entry(raw, WALLET_ID).value.id == entry.id
    others: tuple[dict[str, Any], ...] = (
        {"feed": FeedId(bytes(16))},
        {"seq": 2},
        {"prev": EntryId(bytes(32))},
        {"prev": Opening(AUTHOR.id, FEED.salt, None)},
        {"deps": ()},
        {"body": bytes(32)},
    )
    ids = {entry_id(WALLET_ID, **{**fields, **changes}) for changes in others}
    ids.add(entry_id(WalletId(bytes(32)), **fields))
    assert len(ids | {entry.id}) == len(others) + 2


@pytest.mark.parametrize(
    ("index", "value", "error"),
    [
        pytest.param(0, 0, Downgrade, id="version 0"),
        pytest.param(0, 2, Downgrade, id="version 2"),
        pytest.param(0, 255, Downgrade, id="version 255"),
        pytest.param(0, True, Downgrade, id="version true"),
        pytest.param(0, "1", Downgrade, id="version in words"),
        pytest.param(1, bytes(15), Malformed, id="a short feed"),
        pytest.param(1, "f" * 16, Malformed, id="a feed in words"),
        pytest.param(2, -1, Malformed, id="a seq below 0"),
        pytest.param(2, True, Malformed, id="a seq of true"),
        pytest.param(2, 2**53 + 1, Malformed, id="a huge seq"),
        pytest.param(2, 0, Malformed, id="a first entry with an entry before it"),
        pytest.param(3, bytes(31), Malformed, id="a short prev"),
        pytest.param(3, None, Malformed, id="no prev"),
        pytest.param(3, [bytes(16), bytes(16), None], Malformed, id="an opening in second place"),
        pytest.param(4, None, Malformed, id="no deps"),
        pytest.param(4, [dep(2), dep(1)], Malformed, id="deps out of order"),
        pytest.param(4, [dep(1), dep(1, 1)], Malformed, id="one feed named twice"),
        pytest.param(4, [[FEED.id, 0, bytes(32)]], Malformed, id="its own feed in deps"),
        pytest.param(4, [[bytes(16), 0]], Malformed, id="a dep without an id"),
        pytest.param(4, [[bytes(16), 0, bytes(31)]], Malformed, id="a dep with a short id"),
        pytest.param(4, [[bytes(16), -1, bytes(32)]], Malformed, id="a dep below 0"),
        pytest.param(
            4,
            [[n.to_bytes(16, "big"), 0, bytes(32)] for n in range(limits.DEPS_COUNT_MAX + 1)],
            Malformed,
            id="too many deps",
        ),
        pytest.param(5, bytes(31), Malformed, id="a short body"),
        pytest.param(6, -1, Malformed, id="a document below 0"),
        pytest.param(7, limits.CHAIN_LENGTH_MAX, Malformed, id="a membership index too large"),
        pytest.param(8, bytes(32), Malformed, id="a long head"),
        pytest.param(9, bytes(15), Malformed, id="a short epoch"),
        pytest.param(10, bytes(12), Malformed, id="a short nonce"),
        pytest.param(11, "text", Malformed, id="a ciphertext in words"),
        pytest.param(11, bytes(limits.ENTRY_SIZE_MAX), Malformed, id="a ciphertext too large"),
    ],
)
def test_an_entry_of_another_shape_is_refused_though_its_signature_holds(
    index: int, value: object, error: type[BillfoldError]
) -> None:
    with pytest.raises(BillfoldError) as caught:
        parse_entry(encoded(index, value), WALLET_ID)
    assert caught.type is error


@pytest.mark.parametrize(
    "value",
    [
        None,
        bytes(32),
        [bytes(16)],
        [bytes(16), None],
        [bytes(15), bytes(16), None],
        [bytes(16), bytes(15), None],
        [bytes(16), bytes(16), [bytes(16), 0]],
        [bytes(16), bytes(16), 0],
    ],
)
def test_a_first_entry_has_an_opening(value: object) -> None:
    with pytest.raises(Malformed):
        parse_entry(encoded(3, value, of=FIRST.raw), WALLET_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {"feed": OTHER_FEED.id},
        {"prev": Opening(OTHER.id, FEED.salt, OTHER_FEED.head)},
        {"prev": Opening(AUTHOR.id, OTHER_FEED.salt, OTHER_FEED.head)},
        {"feed": OTHER_FEED.id, "prev": Opening(AUTHOR.id, OTHER_FEED.salt, None)},
    ],
)
def test_nobody_opens_a_feed_that_is_not_its_own(changes: dict[str, Any]) -> None:
    raw = sign_entry(replace(FIRST.value, **changes), WALLET_ID, AUTHOR.signing_key).raw
    with pytest.raises(WrongContext):
        parse_entry(raw, WALLET_ID)


def test_a_feed_id_is_of_its_device_and_salt() -> None:
    assert feed_id(AUTHOR.id, FEED.salt) == FEED.id
    others = {feed_id(OTHER.id, FEED.salt), feed_id(AUTHOR.id, OTHER_FEED.salt)}
    assert len(others | {FEED.id}) == 3


def test_the_size_of_an_entry_is_that_of_signature_and_body() -> None:
    def of_size(size: int) -> bytes:
        empty = len(encoded(11, bytes(70_000))) - 70_000
        return encoded(11, bytes(size - empty))

    largest = of_size(limits.ENTRY_SIZE_MAX)
    assert len(largest) == limits.ENTRY_SIZE_MAX
    assert parse_entry(largest, WALLET_ID).value.id == SECOND.value.id
    with pytest.raises(Malformed):
        parse_entry(of_size(limits.ENTRY_SIZE_MAX + 1), WALLET_ID)


def test_as_many_deps_as_allowed_pass() -> None:
    deps = [[n.to_bytes(16, "big"), 0, bytes(32)] for n in range(limits.DEPS_COUNT_MAX)]
    assert len(parse_entry(encoded(4, deps), WALLET_ID).value.deps) == limits.DEPS_COUNT_MAX


@pytest.mark.parametrize(
    "raw",
    [b"", bytes(64), SECOND.raw[:64], SECOND.raw[:-1], SECOND.raw + b"\0"],
    ids=["nothing", "zeros", "a signature", "one byte short", "one byte long"],
)
def test_bytes_that_are_no_entry_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse_entry(raw, WALLET_ID)


@pytest.mark.parametrize("fields", [[], [1], [1] * 11, [1] * 13, {}, None])
def test_an_array_of_another_length_is_no_entry(fields: object) -> None:
    with pytest.raises((Malformed, Downgrade)):
        parse_entry(bytes(64) + codec.encode(fields), WALLET_ID)


def test_a_signature_holds_for_its_wallet_and_author_only() -> None:
    signed = parse_entry(SECOND.raw, WALLET_ID)
    elsewhere = WalletId(bytes_of("elsewhere", 32))
    cases = [(signed, WALLET_ID, OTHER.keys.signing), (signed, elsewhere, AUTHOR.keys.signing)]
    for value, wallet_id, key in cases:
        with pytest.raises(AuthFailed):
            verify_entry(value, wallet_id, key)
    assert parse_entry(SECOND.raw, elsewhere).value.id != SECOND.value.id


VECTOR = {
    FeedId(b"\2" * 16): (3, EntryId(b"b" * 32)),
    FeedId(b"\1" * 16): (0, EntryId(b"a" * 32)),
}


def test_a_vector_has_one_encoding_and_one_hash() -> None:
    again = dict(reversed(VECTOR.items()))
    assert encode_vector(VECTOR) == encode_vector(again)
    assert vector_hash(VECTOR) == vector_hash(again)
    assert parse_vector(encode_vector(VECTOR)) == VECTOR
    for feed, (seq, id_) in VECTOR.items():
        assert vector_hash({**VECTOR, feed: (seq + 1, id_)}) != vector_hash(VECTOR)
        assert vector_hash({**VECTOR, feed: (seq, EntryId(bytes(32)))}) != vector_hash(VECTOR)
    assert vector_hash({}) != vector_hash(VECTOR)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [dep(2), dep(1)],
        [dep(1), dep(1)],
        [[bytes(16), 0]],
        [[bytes(16), True, bytes(32)]],
        [[bytes(16), 0, bytes(31)]],
        [[n.to_bytes(16, "big"), 0, bytes(32)] for n in range(limits.FEEDS_COUNT_MAX + 1)],
    ],
)
def test_a_vector_of_another_shape_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        parse_vector(value)
