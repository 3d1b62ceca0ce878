from typing import get_args

import pytest

from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed
from billfold_protocol.messages import (
    ClientMessage,
    ServerMessage,
    encode_client_message,
    encode_server_message,
    parse_client_message,
    parse_server_message,
)
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, each, expecting, load


def parse_and_encode(vector: Vector) -> tuple[str, bytes]:
    data = bytes.fromhex(vector["message"])
    if vector["from"] == "client":
        from_client = parse_client_message(data)
        return type(from_client).__name__, encode_client_message(from_client)
    from_server = parse_server_message(data)
    return type(from_server).__name__, encode_server_message(from_server)


@each("messages")
def test_a_message_is_read_and_written_alike_or_refused(vector: Vector) -> None:
    with expecting(vector):
        name, data = parse_and_encode(vector)
        assert name == vector["name"]
        assert data.hex() == vector["message"]


@each("messages", "fields")
def test_a_message_has_the_fields_that_its_vector_names(vector: Vector) -> None:
    data = bytes.fromhex(vector["message"])
    fields = read(vector["fields"])
    assert codec.decode(data, size_max=limits.FRAME_SIZE_MAX) == fields
    assert fields[0] == vector["type"]


@pytest.mark.parametrize(("side", "union"), [("client", ClientMessage), ("server", ServerMessage)])
def test_every_message_has_a_vector_that_is_accepted_and_refusals(side: str, union: object) -> None:
    vectors = [vector for vector in load("messages")["vectors"] if vector["from"] == side]
    accepted = {vector["name"] for vector in vectors if vector["expect"] == "ok"}
    assert accepted == {message.__name__ for message in get_args(union)}
    for name in accepted:
        refused = [v for v in vectors if v["id"].startswith(f"{side}-{name.lower()}-")]
        assert any(vector["expect"] == "Malformed" for vector in refused), name


@pytest.mark.parametrize("parse", [parse_client_message, parse_server_message])
def test_a_message_larger_than_a_frame_is_refused(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(Malformed):
        parse(bytes(limits.FRAME_SIZE_MAX + 1))
