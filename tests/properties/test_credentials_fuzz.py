import json
from typing import Any

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.credentials.dcql import answer_query, parse_query
from billfold.credentials.disclosures import open_disclosures
from billfold.credentials.encoding import encode_base64url
from billfold.credentials.held import HeldCredential, read_credential
from billfold.credentials.presentation import KeptCredential, Request, present
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.status_list import parse_list
from billfold_protocol.errors import BillfoldError
from tests.support.credentials import NAMES, SAMPLES, sample
from tests.support.examples import examples

HEX = (SAMPLES / "mdoc" / "iso18013-5_D.4.1.2_deviceresponse.hex").read_text().strip()
MDOC = bytes.fromhex(HEX)
QUERIES = [path.read_text() for path in sorted((SAMPLES / "dcql").glob("*.json"))]
ISSUED = [sample(name, "sd_jwt_issuance") or "" for name in NAMES]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["_sd", "...", "_sd_alg", "vct", "cnf", "jwk", "status", "exp", "a", "b"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def pack(value: Any) -> str:
    return encode_base64url(json.dumps(value).encode())


def read(raw: str | bytes) -> HeldCredential | None:
    try:
        return read_credential(raw)
    except BillfoldError:
        return None


WALLET = {name: read_credential(raw) for name, raw in zip(NAMES, ISSUED, strict=True)}


@settings(max_examples=examples(8), deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_anything_is_read_or_refused(raw: str | bytes) -> None:
    read(raw)


@settings(max_examples=examples(8), deadline=None)
@given(json_values, json_values, st.lists(json_values, max_size=3))
def test_a_token_of_anything_is_read_or_refused(
    header: Any, payload: Any, disclosures: list[Any]
) -> None:
    for head in (header, {"alg": "ES256", "typ": "dc+sd-jwt"}):
        token = f"{pack(head)}.{pack(payload)}.{encode_base64url(bytes(64))}"
        read("~".join([token, *map(pack, disclosures), ""]))
        read(token)


@settings(max_examples=examples(8), deadline=None)
@given(st.sampled_from(ISSUED), st.data())
def test_a_bent_example_is_read_or_refused(raw: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw) - 1))
    read(raw[:at] + data.draw(st.text(max_size=3)) + raw[at + data.draw(st.integers(0, 3)) :])


@settings(max_examples=examples(8), deadline=None)
@given(st.data())
def test_a_bent_mobile_document_is_read_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(MDOC) - 1))
    bent = bytes([data.draw(st.integers(0, 255))])
    read(MDOC[:at] + bent + MDOC[at + 1 :])
    value = data.draw(json_values)
    read(cbor2.dumps({"issuerAuth": [b"", {33: value}, cbor2.dumps(value), b""]}))


@settings(max_examples=examples(8), deadline=None)
@given(json_values, st.sampled_from([1, 2, 4, 8, 3]), st.binary(max_size=40))
def test_a_status_list_of_anything_is_read_or_refused(value: Any, bits: int, packed: bytes) -> None:
    lists: tuple[Any, ...] = (value, {"bits": bits, "lst": encode_base64url(packed)})
    for one in lists:
        try:
            parse_list(one)
        except BillfoldError:
            continue


@settings(max_examples=examples(8), deadline=None)
@given(st.sampled_from(QUERIES), json_values, st.data())
def test_a_bent_query_is_answered_or_refused(text: str, value: Any, data: st.DataObject) -> None:
    """Some member anywhere in the query is another value, or is gone."""
    query = json.loads(text)
    places = [query]
    for place in places:
        members = place.values() if isinstance(place, dict) else place
        places += [member for member in members if isinstance(member, dict | list) and member]
    place = data.draw(st.sampled_from(places))
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = data.draw(st.sampled_from(keys))
    if data.draw(st.booleans()):
        place[key] = value
    else:
        del place[key]
    try:
        answer_query(parse_query(json.dumps(query)), WALLET)
    except BillfoldError:
        return


@settings(max_examples=examples(8), deadline=None)
@given(st.sampled_from(ISSUED), st.data())
def test_what_is_shown_is_what_was_chosen_and_what_is_always_shown(
    raw: str, data: st.DataObject
) -> None:
    kept = KeptCredential.read(raw)
    places = list(kept.opened.disclosed)
    chosen = data.draw(st.lists(st.sampled_from(places), max_size=4))
    shown = kept.sd_jwt.show(kept.opened.choose(chosen, with_parts=False))
    opened = open_disclosures(parse_sd_jwt(shown.encode()))
    on_the_way = {place[:size] for place in chosen for size in range(1, len(place) + 1)}
    assert len(opened.disclosed) == len(on_the_way & set(places))
    free = KeptCredential(sd_jwt=kept.sd_jwt, opened=kept.opened, holder_key=None)
    text = present(
        free, chosen, request=Request(audience="a", nonce="n"), key=None, now_s=0, with_parts=False
    )
    assert text == shown.encode()
