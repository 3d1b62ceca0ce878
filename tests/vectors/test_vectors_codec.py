from billfold_protocol import codec
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, each, expecting

SIZE_MAX = 1 << 20


@each("codec", "bytes")
def test_bytes_decode_when_they_are_canonical_and_else_are_refused(vector: Vector) -> None:
    data = bytes.fromhex(vector["bytes"])
    with expecting(vector):
        assert codec.decode(data, size_max=vector.get("size_max", SIZE_MAX)) == read(
            vector["value"]
        )


@each("codec", "bytes", expect="ok")
def test_a_value_encodes_to_the_bytes_it_was_decoded_from(vector: Vector) -> None:
    assert codec.encode(read(vector["value"])).hex() == vector["bytes"]


@each("codec", "bytes", expect="ok")
def test_the_order_in_which_a_map_was_filled_does_not_matter(vector: Vector) -> None:
    value = read(vector["value"])
    if isinstance(value, dict):
        value = dict(reversed(value.items()))
    assert codec.encode(value).hex() == vector["bytes"]


@each("codec", "value", expect="LocalProtocolError")
def test_a_value_outside_the_subset_is_not_encoded(vector: Vector) -> None:
    with expecting(vector):
        codec.encode(read(vector["value"]))


@each("codec", "bytes", expect="ok")
def test_every_longer_or_shorter_form_of_accepted_bytes_is_refused(vector: Vector) -> None:
    data = bytes.fromhex(vector["bytes"])
    for changed in (data[:-1], data + b"\0", data + b"\xc0"):
        with expecting({"expect": "Malformed"}):
            codec.decode(changed, size_max=SIZE_MAX)
