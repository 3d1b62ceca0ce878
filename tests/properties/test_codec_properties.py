from hypothesis import given, reject
from hypothesis import strategies as st

from billfold_protocol import codec
from billfold_protocol.errors import LocalProtocolError, Malformed

SIZE_MAX = 1 << 20

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=300)
    | st.text(max_size=80)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=6), inner, max_size=20)
    ),
    max_leaves=40,
)


def encoded(value: object) -> bytes:
    try:
        return codec.encode(value)
    except LocalProtocolError:
        reject()  # Only depth can be the reason here.


@given(values)
def test_what_is_encoded_decodes_to_the_same(value: object) -> None:
    data = encoded(value)
    decoded = codec.decode(data, size_max=SIZE_MAX)
    assert decoded == value
    assert codec.encode(decoded) == data


@given(values, st.data())
def test_a_changed_encoding_is_malformed_or_the_encoding_of_another_value(
    value: object, data: st.DataObject
) -> None:
    original = encoded(value)
    changed = bytearray(original)
    index = data.draw(st.integers(0, len(changed) - 1))
    changed[index] ^= data.draw(st.integers(1, 255))
    check_canonical(bytes(changed), original)


@given(values, st.data())
def test_a_shortened_or_lengthened_encoding_is_malformed(
    value: object, data: st.DataObject
) -> None:
    original = encoded(value)
    size = data.draw(st.integers(0, len(original) - 1))
    for changed in (original[:size], original + data.draw(st.binary(min_size=1, max_size=9))):
        try:
            codec.decode(changed, size_max=SIZE_MAX)
        except Malformed:
            continue
        raise AssertionError(changed)


@given(st.binary(max_size=200))
def test_what_decodes_at_all_has_exactly_these_bytes(data: bytes) -> None:
    check_canonical(data, b"")


def check_canonical(data: bytes, original: bytes) -> None:
    try:
        value = codec.decode(data, size_max=SIZE_MAX)
    except Malformed:
        return
    assert codec.encode(value) == data != original
