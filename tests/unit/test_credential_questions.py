import json
from dataclasses import replace
from typing import Any

import pytest

from billfold.credentials.bounds import ANSWERS_MAX
from billfold.credentials.dcql import Answers, answer_query, parse_query, places_at
from billfold.credentials.disclosures import Place
from billfold.credentials.held import (
    MDOC,
    SD_JWT_VC,
    TECHNICAL_CLAIMS,
    HeldCredential,
    read_credential,
)
from billfold.credentials.presentation import Request, present
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.verification import verify_signed
from tests.support.credentials import (
    AUDIENCE,
    EXAMPLE_KEYS,
    HOLDER,
    ISSUED_S,
    NONCE,
    SAMPLES,
    sample,
)

FOLDER = SAMPLES / "dcql"
PID = "https://credentials.example.com/identity_credential"
OTHER_PID = "https://othercredentials.example/pid"
REDUCED = "https://credentials.example.com/reduced_identity_credential"
RESIDENCE = "https://cred.example/residence_credential"
REWARDS = "https://company.example/company_rewards"
MVRC, MDL, PHOTO = "org.iso.7367.1.mVRC", "org.iso.18013.5.1.mDL", "org.iso.23220.photoid.1"
ISO, VEHICLE = "org.iso.18013.5.1", "org.iso.7367.1"


def held(types: str, claims: dict[str, Any], *, always: tuple[str, ...] = ()) -> HeldCredential:
    return HeldCredential(
        format=SD_JWT_VC,
        types=frozenset([types]),
        issuer="https://issuer.example",
        claims={"iss": "https://issuer.example", "vct": types, **claims},
        withheld={(name,): name for name in claims if name not in always},
        is_bound=True,
        authorities=frozenset(["issuer-aki"]),
        issued_at_s=None,
        expires_at_s=None,
    )


def document(types: str, spaces: dict[str, Any]) -> HeldCredential:
    return replace(
        held(types, {}),
        format=MDOC,
        claims=spaces,
        withheld={(space, name): name for space, names in spaces.items() for name in names},
    )


PERSON = {
    "family_name": "Doe",
    "given_name": "Jane",
    "address": {"street_address": "1 Main St", "locality": "Anytown"},
    "postal_code": "90210",
    "locality": "Anytown",
    "region": "Anystate",
    "date_of_birth": "1990-01-01",
}
DRIVER = {
    "given_name": "Jane",
    "family_name": "Doe",
    "portrait": "_9j_",
    "resident_address": "1 Main St",
    "resident_country": "US",
}


def ask(name: str, **wallet: HeldCredential) -> Answers:
    return answer_query(parse_query((FOLDER / f"{name}.json").read_text()), wallet)


def query(**changed: Any) -> Any:
    asked = {"id": "q", "format": SD_JWT_VC, "meta": {"vct_values": [PID]}, **changed}
    return parse_query(json.dumps({"credentials": [asked]}))


def test_simple_asks_for_three_claims_of_one_credential() -> None:
    (option,) = ask("simple", pid=held(PID, PERSON)).options
    (answer,) = option.answers
    assert (answer.query_id, answer.credential_id) == ("my_credential", "pid")
    assert set(answer.claim_names) == {
        "family_name",
        "given_name",
        "address / street_address",
        "address / locality",
    }


def test_simple_discloses_only_the_street_where_the_parts_can_be_withheld() -> None:
    pid = held(PID, PERSON)
    parts: dict[Place, str] = {("address", part): part for part in ("street_address", "locality")}
    (option,) = ask("simple", pid=replace(pid, withheld={**pid.withheld, **parts})).options
    assert option.amount == 3
    assert "address / locality" not in option.answers[0].claim_names


def test_value_matching_shows_nothing_to_whom_asks_for_other_values() -> None:
    assert ask("value_matching_simple", pid=held(PID, PERSON)).can_answer
    for changed, said in (
        ({"postal_code": "10115"}, "says something else of postal_code"),
        ({"family_name": "doe"}, "says something else of family_name"),
    ):
        answers = ask("value_matching_simple", pid=held(PID, {**PERSON, **changed}))
        assert not answers.can_answer
        assert said in answers.missing[0].why
        assert not any(value in answers.missing[0].why for value in changed.values())


def test_claims_alternatives_gives_the_set_that_discloses_least_first() -> None:
    answers = ask("claims_alternatives", pid=held(PID, PERSON))
    assert [(o.amount, o.answers[0].preference) for o in answers.options] == [(3, 1), (4, 0)]
    without = {name: value for name, value in PERSON.items() if name != "postal_code"}
    assert [o.amount for o in ask("claims_alternatives", pid=held(PID, without)).options] == [4]


def test_credentials_alternatives_prefers_one_small_credential_and_skips_what_is_optional() -> None:
    reduced = held(REDUCED, {"family_name": "Doe", "given_name": "Jane"})
    lives = held(RESIDENCE, {"postal_code": "1", "locality": "Anytown", "region": "A"})
    points = held(REWARDS, {"rewards_number": "7"})
    wallet = {"pid": held(PID, PERSON), "reduced": reduced, "lives": lives, "points": points}
    answers = ask("credentials_alternatives", **wallet)
    assert [[one.query_id for one in option.answers] for option in answers.options] == [
        ["pid"],
        ["pid", "nice_to_have"],
        ["pid_reduced_cred_1", "pid_reduced_cred_2"],
        ["pid_reduced_cred_1", "pid_reduced_cred_2", "nice_to_have"],
    ]
    assert [option.amount for option in answers.options] == [4, 5, 5, 6]
    assert [(one.query_id, one.is_required) for one in answers.missing] == [("other_pid", True)]
    alone = ask("credentials_alternatives", reduced=reduced, points=points)
    assert not alone.can_answer
    assert [one.query_id for one in alone.missing] == ["pid", "other_pid", "pid_reduced_cred_2"]
    assert not ask("credentials_alternatives").options


def test_simple_mdoc_asks_for_two_elements_of_two_name_spaces() -> None:
    spaces = {VEHICLE: {"vehicle_holder": "Jane", "plate": "X"}, ISO: {"given_name": "J"}}
    vehicle = document(MVRC, spaces)
    (option,) = ask("simple_mdoc", vehicle=vehicle).options
    assert option.answers[0].places == ((VEHICLE, "vehicle_holder"), (ISO, "given_name"))
    assert option.amount == 2
    (missing,) = ask("simple_mdoc", v=document(MVRC, {VEHICLE: spaces[VEHICLE]})).missing
    assert missing.why.endswith("does not say org.iso.18013.5.1 / given_name.")


def test_complex_mdoc_takes_either_document_and_the_address_only_as_well() -> None:
    answers = ask("complex_mdoc", licence=document(MDL, {ISO: DRIVER}))
    assert [[one.query_id for one in option.answers] for option in answers.options] == [
        ["mdl-id"],
        ["mdl-id", "mdl-address"],
    ]
    both = ask(
        "complex_mdoc",
        licence=document(MDL, {ISO: DRIVER}),
        photo=document(PHOTO, {ISO: DRIVER}),
    )
    assert [option.amount for option in both.options] == [3, 3, 5, 5, 5, 5]


def test_multi_credentials_needs_both() -> None:
    spaces = {VEHICLE: {"vehicle_holder": "Jane"}, ISO: {"given_name": "Jane"}}
    vehicle, pid = document(MVRC, spaces), held(PID, PERSON)
    assert len(ask("multi_credentials", vehicle=vehicle, pid=pid).options[0].answers) == 2
    alone = ask("multi_credentials", pid=pid)
    assert not alone.can_answer
    assert alone.missing[0].why == f"There is no mobile document of the type {MVRC} in the wallet."


def test_no_claims_means_that_none_is_shown_that_can_be_withheld() -> None:
    (option,) = answer_query(query(), {"pid": held(PID, PERSON, always=("region",))}).options
    assert option.answers[0].places == ()
    assert option.answers[0].claim_names == ("region",)


def test_the_credential_that_discloses_least_comes_first_and_several_may_be_shown() -> None:
    wallet = {"big": held(PID, PERSON, always=("region",)), "small": held(PID, {"given_name": "J"})}
    asked = query(multiple=True, claims=[{"path": ["given_name"]}])
    answers = answer_query(asked, wallet)
    assert [option.answers[0].credential_id for option in answers.options] == ["small", "big"]
    assert [one.credential_id for one in answers.more["q"]] == ["small", "big"]
    assert not answer_query(query(claims=[{"path": ["given_name"]}]), wallet).more


ACCEPTED = {"type": "aki", "values": ["x", "issuer-aki"]}


@pytest.mark.parametrize(
    "authorities", [[ACCEPTED], [{"type": "etsi_tl", "values": ["l"]}, ACCEPTED]]
)
def test_an_issuer_that_the_verifier_names_is_shown(authorities: list[Any]) -> None:
    asked = query(trusted_authorities=authorities)
    assert answer_query(asked, {"pid": held(PID, PERSON)}).can_answer


@pytest.mark.parametrize("kind", ["aki", "openid_federation", "etsi_tl"])
def test_an_issuer_that_the_verifier_does_not_name_is_not_shown(kind: str) -> None:
    asked = query(trusted_authorities=[{"type": kind, "values": ["https://trust.example"]}])
    answers = answer_query(asked, {"pid": held(PID, PERSON)})
    assert not answers.can_answer
    assert "accepts" in answers.missing[0].why


def test_a_credential_bound_to_no_key_answers_only_who_asks_for_none() -> None:
    loose = {"pid": replace(held(PID, PERSON), is_bound=False)}
    assert not answer_query(query(), loose).can_answer
    assert answer_query(query(require_cryptographic_holder_binding=False), loose).can_answer


def test_a_path_goes_through_members_elements_and_all_elements() -> None:
    claims: Any = {"a": [{"b": 1}, {"b": 2}, {"c": 3}], "d": {"e": [True]}}
    assert places_at(claims, ("a", 1, "b")) == ((("a", 1, "b"), 2),)
    assert [place for place, _ in places_at(claims, ("a", None, "b"))] == [
        ("a", 0, "b"),
        ("a", 1, "b"),
    ]
    assert places_at(claims, ("d", "e")) == ((("d", "e"), [True]),)
    for path in (("a", "b"), ("a", 3), ("d", 0), ("d", None), ("x",), ("a", None, "b", "c")):
        assert places_at(claims, path) == ()


def test_true_is_not_one() -> None:
    asked = query(claims=[{"path": ["over_18"], "values": [True]}])
    assert answer_query(asked, {"pid": held(PID, {"over_18": True})}).can_answer
    assert not answer_query(asked, {"pid": held(PID, {"over_18": 1})}).can_answer


def test_a_hostile_query_has_few_answers_in_a_short_time() -> None:
    wallet = {f"c{n}": held(PID, {"given_name": str(n)}) for n in range(40)}
    asked = {"format": SD_JWT_VC, "meta": {}, "claims": [{"path": ["given_name"]}]}
    names = [f"q{n}" for n in range(32)]
    text = json.dumps(
        {
            "credentials": [{"id": name, **asked} for name in names],
            "credential_sets": [
                {"options": [[name] for name in names], "required": False} for _ in range(32)
            ],
        }
    )
    answers = answer_query(parse_query(text), wallet)
    assert len(answers.options) == ANSWERS_MAX
    amounts = [option.amount for option in answers.options]
    assert amounts == sorted(amounts)


def test_what_an_answer_names_is_what_its_presentation_discloses() -> None:
    raw = sample("arf-pid", "sd_jwt_issuance") or ""
    asked = {
        "id": "pid",
        "format": SD_JWT_VC,
        "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [
            {"path": ["age_equal_or_over", "18"], "values": [True]},
            {"path": ["nationalities", None], "values": ["DE"]},
            {"path": ["place_of_birth"]},
        ],
    }
    text = json.dumps({"credentials": [asked]})
    (option,) = answer_query(parse_query(text), {"pid": read_credential(raw)}).options
    (answer,) = option.answers
    credential = verify_signed(parse_sd_jwt(raw), EXAMPLE_KEYS, now_s=ISSUED_S)
    made = present(
        credential,
        answer.places,
        request=Request(audience=AUDIENCE, nonce=NONCE),
        key=HOLDER,
        now_s=ISSUED_S,
    )
    seen = read_credential(made)
    assert set(answer.claim_names) == {
        "age_equal_or_over / 18",
        "nationalities / 0",
        "place_of_birth / locality",
        "place_of_birth / country",
    }
    assert {name for name in seen.claims if name not in TECHNICAL_CLAIMS} == {
        "age_equal_or_over",
        "nationalities",
        "place_of_birth",
    }
    assert seen.claims["age_equal_or_over"] == {"18": True}
