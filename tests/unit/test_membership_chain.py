from dataclasses import replace
from typing import Any

import pytest

from billfold_protocol import codec, limits
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    ChainFork,
    Downgrade,
    LimitExceeded,
    LocalProtocolError,
    Malformed,
    UnsignedMember,
    WeakKey,
    WrongContext,
)
from billfold_protocol.ids import (
    ChainHead,
    EntryId,
    FeedId,
    HolderId,
    SigningPublicKey,
    WrappingPublicKey,
)
from billfold_protocol.membership import (
    Close,
    Create,
    DeviceKeys,
    Home,
    MembershipChain,
    MembershipEntry,
    Target,
    TargetKind,
    membership_hash,
    sign_entry,
)
from billfold_protocol.membership.entries import parse
from tests.support.families import HOME, Family, refusal
from tests.support.wallets import TIME_S, TestDevice, TestWallet


@pytest.fixture(scope="module")
def family() -> Family:
    """One for the module: nothing here is appended to it."""
    return Family()


@pytest.fixture
def fresh() -> Family:
    return Family()


def device(target: TestDevice) -> Target:
    return Target(TargetKind.DEVICE, target.id)


def resigned(family: Family, signer: TestDevice, **changes: Any) -> bytes:
    state = family.wallet.state
    entry = MembershipEntry(
        k=state.k + 1,
        time_s=TIME_S,
        wallet_id=state.wallet_id,
        previous=state.hash,
        author=signer.id,
        payload=HOME,
    )
    changed = replace(entry, **changes)
    return sign_entry(changed, signer.signing_key).raw


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"wallet_id": bytes(32)}, WrongContext),
        ({"previous": bytes(32)}, WrongContext),
        ({"k": 300}, WrongContext),
        ({"author": bytes(16)}, UnsignedMember),
        ({"wallet_id": None}, Malformed),
        ({"previous": None}, Malformed),
        ({"k": 0}, Malformed),
        ({"time_s": -1}, Malformed),
        ({"payload": Home(server=replace(HOME.server, address="a" * 257))}, Malformed),
        ({"payload": replace(HOME, fallbacks=(HOME.server,) * 9)}, Malformed),
    ],
)
def test_an_entry_of_another_place_or_shape_is_refused(
    family: Family, changes: dict[str, Any], error: type[BillfoldError]
) -> None:
    assert refusal(family.wallet.chain, resigned(family, family.owner, **changes)) is error


def test_the_clock_of_the_author_refuses_nothing(fresh: Family) -> None:
    for time_s in (0, 2**53):
        fresh = Family()
        fresh.wallet.chain.append(resigned(fresh, fresh.owner, time_s=time_s))


def test_an_entry_signed_by_another_member_is_refused(family: Family) -> None:
    raw = resigned(family, family.editor, author=family.owner.id)
    assert refusal(family.wallet.chain, raw) is AuthFailed


def test_an_entry_that_is_held_is_known_the_second_time(family: Family) -> None:
    chain = family.wallet.chain
    for raw in chain.raws:
        assert chain.append(raw) is None


def test_a_gap_in_the_chain_is_refused() -> None:
    wallet = TestWallet("gap")
    wallet.home()
    wallet.home()
    assert refusal(MembershipChain(wallet.chain.raws[0]), wallet.chain.raws[2]) is WrongContext


class Held:
    """A chain of three, and what else claims its second place."""

    def __init__(self) -> None:
        self.wallet = TestWallet("held")
        self.start = self.wallet.state
        self.wallet.home()
        self.wallet.rotate()

    def other(self, author: TestDevice) -> bytes:
        return self.wallet.sign(author, Close(), after=self.start)


def test_another_entry_of_a_member_at_a_held_place_is_a_fork() -> None:
    held = Held()
    assert refusal(held.wallet.chain, held.other(held.wallet.owner)) is ChainFork


def test_made_up_bytes_at_a_held_place_prove_no_fork() -> None:
    held = Held()
    raw = held.other(held.wallet.owner)
    assert refusal(held.wallet.chain, bytes(64) + raw[64:]) is AuthFailed
    assert refusal(held.wallet.chain, held.other(TestDevice("held/stranger"))) is UnsignedMember


def test_a_create_entry_of_another_wallet_is_refused() -> None:
    held = Held()
    assert refusal(held.wallet.chain, TestWallet("elsewhere").chain.raws[0]) is WrongContext


def test_a_feed_entry_that_names_another_chain_finds_a_fork(family: Family) -> None:
    chain = family.wallet.chain
    state = chain.state_at(2)
    assert chain.find(2, state.head) is state
    assert chain.find(len(chain), state.head) is None
    with pytest.raises(ChainFork):
        chain.find(2, ChainHead(bytes(16)))


def create(**changes: Any) -> bytes:
    owner = TestDevice("create")
    payload = Create(keys=owner.keys, holder=owner.holder, commitment=bytes(32))
    entry = MembershipEntry(
        k=0, time_s=TIME_S, wallet_id=None, previous=None, author=owner.id, payload=payload
    )
    changed = replace(entry, **changes)
    return sign_entry(changed, owner.signing_key).raw


def weak_create(signing_key: bytes, wrapping_key: bytes) -> bytes:
    keys = DeviceKeys(SigningPublicKey(signing_key), WrappingPublicKey(wrapping_key))
    payload = Create(keys=keys, holder=HolderId(bytes(16)), commitment=bytes(32))
    return create(author=keys.device_id, payload=payload)


GOOD = TestDevice("create").keys


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (create(author=bytes(16)), WrongContext),
        (bytes(64) + create()[64:], AuthFailed),
        (weak_create(bytes(32), GOOD.wrapping), WeakKey),
        (weak_create(GOOD.signing, b"\xff" * 1216), WeakKey),
        (create(payload=Close()), Malformed),
        (create(wallet_id=bytes(32)), Malformed),
    ],
)
def test_a_wrong_beginning_is_refused(raw: bytes, error: type[BillfoldError]) -> None:
    with pytest.raises(BillfoldError) as caught:
        MembershipChain(raw)
    assert caught.type is error


def body_with(index: int, value: object) -> bytes:
    """Return a signed entry of which one field is another value."""
    held = Held()
    fields = codec.decode(held.wallet.chain.raws[1][64:], size_max=100_000)
    assert isinstance(fields, list)
    fields[index] = value
    body = codec.encode(fields)
    signature = held.wallet.owner.signing_key.sign(
        Domain.MEMBERSHIP_SIGNATURE, held.wallet.chain.wallet_id, body
    )
    return signature + body


@pytest.mark.parametrize(
    ("index", "value", "error"),
    [
        (0, 0, Downgrade),
        (0, 2, Downgrade),
        (0, 255, Downgrade),
        (0, True, Downgrade),
        (0, None, Downgrade),
        (1, "merge", Malformed),
        (1, "create", Malformed),
        (1, "", Malformed),
        (1, b"home", Malformed),
        (1, "close", Malformed),
        (2, True, Malformed),
        (3, "now", Malformed),
        (4, b"short", Malformed),
        (5, b"short", Malformed),
        (6, b"short", Malformed),
        (7, None, Malformed),
        (7, [], Malformed),
        (7, [["https://example.org", bytes(31)], []], Malformed),
        (7, [[b"https://example.org", bytes(32)], []], Malformed),
    ],
)
def test_fields_of_another_type_size_or_version_are_refused(
    index: int, value: object, error: type[BillfoldError]
) -> None:
    chain = MembershipChain(Held().wallet.chain.raws[0])
    assert refusal(chain, body_with(index, value)) is error


def test_bytes_that_are_no_entry_are_malformed(family: Family) -> None:
    chain = family.wallet.chain
    raw = family.wallet.sign(family.owner, HOME)
    too_large = bytes(limits.MEMBERSHIP_ENTRY_SIZE_MAX + 1)
    for bad in (b"", raw[:64], raw[:63], raw + b"\0", raw[:-1], bytes(64) + b"\x90", too_large):
        assert refusal(chain, bad) in {Malformed, Downgrade}


def test_a_cut_stands_in_one_order_and_names_a_feed_once(family: Family) -> None:
    target = TestDevice("family/editor")
    revoke, _, _ = family.wallet.removal(device(target))
    raw = family.wallet.sign(family.owner, revoke)
    fields = codec.decode(raw[64:], size_max=100_000)
    assert isinstance(fields, list)
    heads = [[b"\1" * 16, 0, bytes(32)], [b"\0" * 16, 0, bytes(32)]]
    for cut in (heads, [heads[0], heads[0]]):
        fields[7][1] = cut
        body = codec.encode(fields)
        signature = family.owner.signing_key.sign(
            Domain.MEMBERSHIP_SIGNATURE, family.wallet.chain.wallet_id, body
        )
        assert refusal(family.wallet.chain, signature + body) is Malformed


def test_the_largest_revoke_fits_an_entry_and_a_larger_one_is_not_signed(family: Family) -> None:
    heads = {
        FeedId(n.to_bytes(16, "big")): (2**53, EntryId(bytes(32)))
        for n in range(limits.FEEDS_COUNT_MAX + 1)
    }
    revoke, _, _ = family.wallet.removal(device(family.editor), cut=heads)
    with pytest.raises(LimitExceeded):
        family.wallet.sign(family.owner, revoke)
    heads.popitem()
    wraps = (bytes(32),) * limits.MEMBERS_COUNT_MAX
    largest = replace(revoke, cut=heads, rotation=replace(revoke.rotation, wrap_hashes=wraps))
    raw = family.wallet.sign(family.owner, largest)
    assert len(raw) < limits.MEMBERSHIP_ENTRY_SIZE_MAX
    assert parse(raw).value.payload == largest


def test_an_entry_that_no_chain_has_room_for_is_not_signed(family: Family) -> None:
    entry = MembershipEntry(
        k=limits.CHAIN_LENGTH_MAX,
        time_s=0,
        wallet_id=family.wallet.chain.wallet_id,
        previous=family.wallet.state.hash,
        author=family.owner.id,
        payload=HOME,
    )
    with pytest.raises(LimitExceeded):
        sign_entry(entry, family.owner.signing_key)
    last = sign_entry(replace(entry, k=entry.k - 1), family.owner.signing_key)
    assert parse(last.raw).value.k == limits.CHAIN_LENGTH_MAX - 1


def test_more_fallbacks_than_an_entry_holds_are_not_signed(family: Family) -> None:
    with pytest.raises(LimitExceeded):
        family.wallet.sign(family.owner, replace(HOME, fallbacks=(HOME.server,) * 4000))


def test_a_wallet_has_a_bounded_number_of_members(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMBERS_COUNT_MAX", len(family.wallet.state.members))
    newcomer = TestDevice("family/new", holder=family.owner.holder)
    link = family.wallet.addition(newcomer)[0]
    assert family.refusal(family.owner, link) is LimitExceeded


def test_undo_takes_back_the_newest_entry_but_never_the_first(fresh: Family) -> None:
    before = fresh.wallet.state
    fresh.wallet.home()
    fresh.wallet.chain.undo()
    assert fresh.wallet.state == before
    chain = MembershipChain(fresh.wallet.chain.raws[0])
    with pytest.raises(LocalProtocolError):
        chain.undo()


@pytest.mark.parametrize(
    ("k", "seq", "entry_id", "is_excluded"),
    [
        (4, 0, b"a", False),
        (4, 2, b"h", False),
        (4, 2, b"x", True),
        (4, 3, b"a", True),
        (5, 3, b"a", False),
    ],
)
def test_a_cut_excludes_what_is_beyond_its_head(
    fresh: Family, k: int, seq: int, entry_id: bytes, *, is_excluded: bool
) -> None:
    while fresh.wallet.state.k < 9:
        fresh.wallet.home()
    feed = FeedId(bytes(16))
    fresh.wallet.revoke(fresh.editor, cut={feed: (2, EntryId(b"h" * 32))})
    (record,) = fresh.wallet.state.cuts
    moved = replace(record, k=5)
    is_beyond = moved.excludes(feed=feed, seq=seq, entry_id=EntryId(entry_id * 32))
    head = fresh.wallet.chain.state_at(k).head
    assert (is_beyond and not fresh.wallet.chain.knows_cut(k, head, moved)) is is_excluded
    other = FeedId(b"\1" * 16)
    assert moved.excludes(feed=other, seq=0, entry_id=EntryId(bytes(32)))


def test_the_wallet_id_is_the_hash_of_the_create_entry() -> None:
    wallet = TestWallet("id")
    _, body = signing.split(wallet.chain.raws[0])
    assert bytes(wallet.chain.wallet_id) == bytes(membership_hash(body))
