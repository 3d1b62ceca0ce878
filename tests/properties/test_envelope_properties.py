from hypothesis import given, settings
from hypothesis import strategies as st

from billfold_protocol import limits
from billfold_protocol.crypto import sealing
from billfold_protocol.envelope import Content, open_entry
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import parse_entry, verify_entry
from tests.support.examples import examples
from tests.support.wallets import TestFeed, TestWallet

WALLET = TestWallet("envelopes")
AUTHOR = WALLET.owner
WALLET_ID = WALLET.chain.wallet_id

contents = st.builds(
    Content,
    changes=st.lists(st.binary(max_size=600), max_size=6).map(tuple),
    time_ms=st.integers(-(2**53), 2**53),
)


def seal(content: Content) -> bytes:
    return AUTHOR.sealer.seal(
        content,
        TestFeed("envelopes").place(AUTHOR.id),
        state=WALLET.state,
        key=WALLET.epoch_key,
        random=AUTHOR.random,
    ).raw


def open_raw(raw: bytes) -> Content:
    verified = verify_entry(parse_entry(raw, WALLET_ID), WALLET_ID, AUTHOR.keys.signing)
    return open_entry(verified, WALLET_ID, WALLET.epoch_key)


def is_refused(raw: bytes) -> bool:
    try:
        open_raw(raw)
    except BillfoldError:
        return True
    return False


@given(contents)
def test_any_content_opens_again(content: Content) -> None:
    assert open_raw(seal(content)) == content


@given(contents, st.data())
def test_any_flipped_bit_is_refused(content: Content, data: st.DataObject) -> None:
    raw = bytearray(seal(content))
    for bit in data.draw(st.lists(st.integers(0, len(raw) * 8 - 1), min_size=20, max_size=20)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert is_refused(bytes(changed))


def test_every_flipped_bit_of_one_entry_is_refused() -> None:
    raw = seal(Content(changes=(b"change",), time_ms=0))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert is_refused(bytes(changed)), bit


@given(contents, st.data())
def test_any_truncation_or_extension_is_refused(content: Content, data: st.DataObject) -> None:
    raw = seal(content)
    for size in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=10, max_size=10)):
        assert is_refused(raw[:size])
    assert is_refused(raw + data.draw(st.binary(min_size=1, max_size=40)))


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(raw: bytes) -> None:
    assert is_refused(raw)


@given(st.integers(0, limits.ENTRY_PLAINTEXT_SIZE_MAX))
@settings(max_examples=examples(200))
def test_padding_adds_at_most_twelve_percent_and_hides_the_length(size: int) -> None:
    padded = sealing.padded_size(size)
    assert size <= padded
    assert padded == limits.PADDED_SIZE_MIN or padded * 100 <= size * 112
    assert sealing.padded_size(padded) == padded
    assert sealing.unpad(sealing.pad(bytes(size))) == bytes(size)


@given(st.lists(st.binary(max_size=3000), max_size=3))
def test_an_entry_is_at_most_256_bytes_larger_than_its_padded_plaintext(
    changes: list[bytes],
) -> None:
    content = Content(changes=tuple(changes), time_ms=2**53)
    ciphertext = parse_entry(seal(content), WALLET_ID).value.ciphertext
    padded_size = len(ciphertext) - sealing.TAG_SIZE
    assert sealing.padded_size(padded_size) == padded_size
    assert len(seal(content)) - padded_size <= 256
