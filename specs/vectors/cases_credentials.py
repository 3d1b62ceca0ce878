"""Vectors of credentials, presentations, status lists and queries, and of what refuses them.

Spec: 42-credentials.md
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from specs.vectors.credentials import (
    ADDRESS,
    ALL,
    AUDIENCE,
    BIRTH,
    GIVEN,
    HOLDER_KEY,
    ISSUER,
    ISSUER_KEY,
    LOCALITY,
    NATION,
    NONCE,
    OTHER_KEY,
    START_S,
    USUAL,
    VCT,
    base64url,
    claims,
    credential,
    digest,
    disclosure,
    pack,
    present,
    status_token,
)
from specs.vectors.wallets import Vector as Case


def build() -> list[Case]:
    """Return the vectors of `credentials.json`."""
    return [
        *_good(),
        *_signatures(),
        *_times(),
        *_disclosures(),
        *_bindings(),
        *_statuses(),
        *_queries(),
    ]


def _case(name: str, text: str, expect: str, comment: str, **more: object) -> Case:
    return {
        "id": name,
        "comment": comment,
        "issuer_key": ISSUER_KEY.jwk,
        "now_s": START_S,
        "credential": text,
        **more,
        "expect": expect,
    }


def _shown(name: str, text: str, expect: str, comment: str, **more: object) -> Case:
    case = _case(name, text, expect, comment, audience=AUDIENCE, nonce=NONCE, **more)
    case["presentation"] = case.pop("credential")
    return case


def _good() -> Iterable[Case]:
    opened = {name: value for name, value in claims().items() if name not in ("_sd", "_sd_alg")} | {
        "nationalities": ["DE"],
        "given_name": "Erika",
        "birthdate": "1963-08-12",
        "address": {"locality": "Köln", "country": "DE"},
    }
    yield _case("credential", USUAL, "ok", "with all its disclosures", claims=opened, vct=VCT)
    yield _case(
        "credential-sha-512",
        credential(payload=claims(_sd_alg="sha-512")),
        "ok",
        "another hash; no disclosure is there, so every digest is as good as a decoy",
        claims={
            **{n: v for n, v in claims().items() if n not in ("_sd", "_sd_alg")},
            "nationalities": [],
        },
    )
    yield _shown(
        "presentation",
        present(credential(GIVEN)),
        "ok",
        "one claim, and what cannot be withheld",
        claims={
            **{n: v for n, v in claims().items() if n not in ("_sd", "_sd_alg")},
            "nationalities": [],
            "given_name": "Erika",
        },
    )


def _signatures() -> Iterable[Case]:
    token = USUAL.partition("~")[0]
    header, payload, signature = token.split(".")
    other = pack({**claims(), "iss": "https://other.example"})
    yield _case(
        "tampered", f"{header}.{other}.{signature}~", "CredentialTampered", "another payload"
    )
    yield _case(
        "wrong-issuer-key",
        credential(signer=OTHER_KEY),
        "CredentialTampered",
        "signed by another key than the pinned one",
    )
    yield _case(
        "unknown-key-name",
        credential(header={"alg": "ES256", "typ": "dc+sd-jwt", "kid": "b"}),
        "UntrustedIssuer",
        "names a key that the set does not have",
        key_set={"keys": [{**ISSUER_KEY.jwk, "kid": "a"}]},
    )
    yield _case(
        "wrong-issuer",
        credential(payload=claims(iss="https://other.example")),
        "UntrustedIssuer",
        "the key of one issuer under the name of another",
        issuer=ISSUER,
    )
    for name, algorithm in (("none", "none"), ("none-in-capitals", "NoNe"), ("mac", "HS256")):
        protected = pack({"alg": algorithm, "typ": "dc+sd-jwt"})
        yield _case(
            f"algorithm-{name}",
            f"{protected}.{payload}.{signature}~",
            "AlgorithmRefused",
            f"alg {algorithm!r}",
        )
    yield _case("unsigned", f"{header}.{payload}.~", "AlgorithmRefused", "the signature is empty")
    yield _case(
        "critical-extension",
        credential(header={"alg": "ES256", "typ": "dc+sd-jwt", "crit": ["x"], "x": 1}),
        "Malformed",
        "an extension that must be understood",
    )
    yield _case(
        "header-too-large",
        credential(header={"alg": "ES256", "typ": "dc+sd-jwt", "x": "x" * 20_000}),
        "LimitExceeded",
        "a header of more than 16 KiB",
    )
    yield _case(
        "signature-padded", f"{token}==~", "Malformed", "base64url has one form, without padding"
    )
    yield _case("no-tilde", token, "Malformed", "a signed token without the tilde of an SD-JWT")


def _times() -> Iterable[Case]:
    yield _case(
        "expired",
        credential(payload=claims(exp=START_S - 61)),
        "CredentialExpired",
        "61 s ago; clocks may differ by 60 s",
    )
    yield _case("expired-just-now", credential(payload=claims(exp=START_S - 59)), "ok", "59 s ago")
    yield _case(
        "not-yet", credential(payload=claims(nbf=START_S + 61)), "CredentialNotYetValid", "nbf"
    )
    yield _case(
        "issued-later", credential(payload=claims(iat=START_S + 61)), "CredentialNotYetValid", "iat"
    )
    yield _case(
        "time-is-true", credential(payload=claims(exp=True)), "Malformed", "true is no time"
    )
    yield _case(
        "wrong-type",
        USUAL,
        "WrongCredentialType",
        "a credential of another type than the one asked for",
        vct="https://issuer.example/diploma",
    )
    yield _case("no-type", credential(payload=claims(vct=None)), "WrongCredentialType", "no vct")
    yield _case(
        "not-a-credential",
        credential(header={"alg": "ES256", "typ": "at+jwt"}),
        "WrongCredentialType",
        "a token of another kind, with a signature of the issuer",
    )
    yield _case(
        "key-for-eddsa",
        credential(payload=claims(cnf={"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}})),
        "AlgorithmRefused",
        "bound to a key of a kind that is not taken",
    )


def _with_digests(*encoded: str, **changed: object) -> dict[str, Any]:
    return claims(_sd=[digest(one) for one in encoded], **changed)


def _disclosures() -> Iterable[Case]:
    stray, twice = disclosure("email", "erika@example.org"), disclosure("given_name", "Eva")
    yield _case(
        "unreferenced-disclosure",
        credential(*ALL, stray),
        "UnreferencedDisclosure",
        "no digest names it",
    )
    yield _case(
        "disclosure-without-its-parent",
        credential(LOCALITY),
        "UnreferencedDisclosure",
        "the digest that names it is in another, which is withheld",
    )
    yield _case("disclosure-twice", credential(GIVEN, GIVEN), "DuplicateDisclosure", "the same one")
    yield _case(
        "digest-twice",
        credential(GIVEN, payload=_with_digests(GIVEN, GIVEN)),
        "DuplicateDisclosure",
        "one digest in two places",
    )
    yield _case(
        "claim-twice",
        credential(GIVEN, twice, payload=_with_digests(GIVEN, twice)),
        "MisplacedDisclosure",
        "two disclosures give one claim",
    )
    yield _case(
        "claim-there-already",
        credential(GIVEN, payload=_with_digests(GIVEN, given_name="Eva")),
        "MisplacedDisclosure",
        "the claim is there without a disclosure",
    )
    for name in ("_sd", "...", "exp", "vct", "cnf", "status"):
        bad = disclosure(name, 1)
        comment = "a name that no claim may have" if name in ("_sd", "...") else "must be shown"
        payload = _with_digests(bad, **({} if name in ("_sd", "...") else {name: None}))
        yield _case(
            f"disclosure-of-{name.strip('_') if name != '...' else 'dots'}",
            credential(bad, payload=payload, header={"alg": "ES256", "typ": "dc+sd-jwt"}),
            "MisplacedDisclosure",
            comment,
        )
    yield _case(
        "element-as-claim",
        credential(NATION, payload=_with_digests(NATION, nationalities=[])),
        "MisplacedDisclosure",
        "a disclosure of two parts named by `_sd`",
    )
    yield _case(
        "claim-as-element",
        credential(GIVEN, payload=_with_digests(nationalities=[{"...": digest(GIVEN)}])),
        "MisplacedDisclosure",
        "a disclosure of three parts named in a list",
    )
    yield _case(
        "dots-in-an-object",
        credential(payload=claims(address={"...": digest(GIVEN)})),
        "MisplacedDisclosure",
        "an object with a member `...`",
    )
    yield from _malformed_disclosures()


def _malformed_disclosures() -> Iterable[Case]:
    deep: object = "x"
    for _ in range(40):
        deep = [deep]
    yield _case(
        "digest-beside-a-member",
        credential(payload=claims(nationalities=[{"...": digest(GIVEN), "a": 1}])),
        "Malformed",
        "an element with a digest and something else",
    )
    yield _case(
        "digests-no-list", credential(payload=claims(_sd="x")), "Malformed", "`_sd` is a text"
    )
    yield _case(
        "digest-no-text", credential(payload=claims(_sd=[1])), "Malformed", "a digest is a number"
    )
    yield _case(
        "hash-unknown",
        credential(payload=claims(_sd_alg="md5")),
        "AlgorithmRefused",
        "an `_sd_alg` that is not known",
    )
    for name, value in (("four-parts", ["s", "a", 1, 2]), ("salt-a-number", [1, "a", 1])):
        bad = pack(value)
        yield _case(
            f"disclosure-{name}",
            credential(bad, payload=_with_digests(bad)),
            "Malformed",
            "a disclosure of no right form",
        )
    chain = [disclosure("a", 1)]
    while len(chain) <= 32:  # noqa: PLR2004 -- levels that claims may have
        chain.append(disclosure(f"a{len(chain)}", {"_sd": [digest(chain[-1])]}))
    yield _case(
        "disclosures-too-deep",
        credential(*chain, payload=_with_digests(chain[-1])),
        "LimitExceeded",
        "33 disclosures, each within the next",
    )
    too_deep = disclosure("deep", deep)
    yield _case(
        "claims-too-deep",
        credential(too_deep, payload=_with_digests(too_deep)),
        "LimitExceeded",
        "more than 32 levels",
    )


def _bindings() -> Iterable[Case]:
    shown = credential(GIVEN)
    yield _shown("binding-missing", shown, "KeyBindingMissing", "no key binding")
    yield _shown(
        "binding-without-key",
        present(credential(payload=claims(cnf=None))),
        "KeyBindingMissing",
        "the credential is bound to no key",
    )
    yield _shown(
        "wrong-holder", present(shown, signer=OTHER_KEY), "WrongHolder", "signed by another key"
    )
    yield _shown(
        "binding-by-issuer", present(shown, signer=ISSUER_KEY), "WrongHolder", "by the issuer"
    )
    yield _shown(
        "wrong-audience",
        present(shown, said={"aud": "https://other.example"}),
        "WrongAudience",
        "made for another verifier",
    )
    yield _shown(
        "audiences", present(shown, said={"aud": [AUDIENCE]}), "WrongAudience", "a list of one"
    )
    yield _shown(
        "replayed-nonce",
        present(shown, said={"nonce": "earlier"}),
        "NonceReplayed",
        "another nonce",
    )
    binding = present(shown).rpartition("~")[2]
    yield _shown(
        "shown-more",
        credential(GIVEN, BIRTH) + binding,
        "PresentationAltered",
        "a disclosure that the holder did not sign",
    )
    yield _shown("shown-less", credential() + binding, "PresentationAltered", "one fewer")
    swapped = credential(BIRTH, GIVEN) + present(credential(GIVEN, BIRTH)).rpartition("~")[2]
    yield _shown("shown-in-another-order", swapped, "PresentationAltered", "the order is signed")
    yield _shown(
        "stale", present(shown, said={"iat": START_S - 301}), "PresentationStale", "301 s ago"
    )
    yield _shown(
        "from-the-future", present(shown, said={"iat": START_S + 61}), "PresentationStale", "61 s"
    )
    yield _shown(
        "binding-of-another-type",
        present(shown, header={"alg": "ES256", "typ": "JWT"}),
        "WrongCredentialType",
        "a token of the holder that is no key binding",
    )
    payload, signature = binding.split(".")[1:]
    for name, algorithm in (("none", "none"), ("mac", "HS256"), ("other-curve", "ES384")):
        protected = pack({"alg": algorithm, "typ": "kb+jwt"})
        yield _shown(
            f"binding-{name}",
            f"{shown}{protected}.{payload}.{signature}",
            "AlgorithmRefused",
            f"the key binding has alg {algorithm!r}",
        )
    yield _shown(
        "presentation-expired",
        present(credential(payload=claims(exp=START_S - 61))),
        "CredentialExpired",
        "the issuer's part is checked as ever",
    )
    yield _shown(
        "presentation-unreferenced",
        present(credential(LOCALITY, ADDRESS, HOLDER_KEY.jwk["x"])),
        "Malformed",
        "what stands in the place of a disclosure is none",
    )


def _statuses() -> Iterable[Case]:
    def case(name: str, token: str, expect: str, comment: str, **more: object) -> Case:
        made = _case(name, token, expect, comment, uri=f"{ISSUER}/statuses/1", index=3, **more)
        made["status_list"] = made.pop("credential")
        return made

    for status, value in (("VALID", 0), ("REVOKED", 1), ("SUSPENDED", 2), ("OTHER", 3)):
        yield case(
            f"status-{status.lower()}",
            status_token([3, 3, 3, value]),
            "ok",
            f"the fourth place holds {value}",
            status=status,
        )
    for bits in (1, 4, 8):
        token = status_token([0, 0, 0, 1], bits=bits)
        yield case(f"status-{bits}-bits", token, "ok", f"{bits} bits each", status="REVOKED")
    of_issuer = {"issuer": ISSUER, "status": "VALID"}
    yield case("status-unnamed", status_token([0] * 4), "ok", "no issuer", **of_issuer)
    yield case(
        "status-of-another-issuer",
        status_token([0] * 4, changed={"iss": "https://other.example"}),
        "UntrustedIssuer",
        "but if it does, it is that one",
        **of_issuer,
    )
    yield case("status-no-place", status_token([0], bits=8), "StatusListRefused", "too short")
    for name, change, comment in (
        ("of-another", {"sub": f"{ISSUER}/statuses/2"}, "another list"),
        ("expired", {"exp": START_S - 61}, "its time is over"),
        ("from-the-future", {"iat": START_S + 61}, "its time has not begun"),
    ):
        yield case(
            f"status-{name}", status_token([0] * 4, changed=change), "StatusListRefused", comment
        )
    yield case(
        "status-not-a-list",
        status_token([0] * 4, header={"alg": "ES256", "typ": "dc+sd-jwt"}),
        "StatusListRefused",
        "a token of another kind",
    )
    head, body, signature = status_token([0] * 4).split(".")
    other = status_token([1] * 4).split(".")[1]
    yield case("status-tampered", f"{head}.{other}.{signature}", "CredentialTampered", "changed")
    yield case(
        "status-unsigned",
        f"{pack({'alg': 'none', 'typ': 'statuslist+jwt'})}.{body}.",
        "AlgorithmRefused",
        "alg none",
    )
    bomb = base64url(zlib.compress(bytes(17 * 1024 * 1024), 9))
    for name, packed, expect, comment in (
        ("bomb", bomb, "LimitExceeded", "inflates to 17 MiB"),
        ("cut", base64url(zlib.compress(b"1234")[:-2]), "Malformed", "cut off"),
        ("trailing", base64url(zlib.compress(b"1234") + b"x"), "Malformed", "something after it"),
    ):
        yield case(f"status-{name}", status_token([], packed=packed), expect, comment)
    for name, changed in (
        ("three-bits", {"status_list": {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}}),
        ("no-time", {"iat": None}),
        ("no-ttl", {"ttl": 0}),
    ):
        yield case(f"status-{name}", status_token([0] * 4, changed=changed), "Malformed", name)


_ASKED = {"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": [VCT]}}
_CLAIM = {"id": "c", "path": ["given_name"]}
_BAD_CREDENTIALS: Mapping[str, Mapping[str, Any]] = {
    "no-id": {"id": None},
    "id-with-a-space": {"id": "a b"},
    "no-format": {"format": None},
    "no-meta": {"meta": None},
    "vct-values-empty": {"meta": {"vct_values": []}},
    "claims-empty": {"claims": []},
    "claim-without-path": {"claims": [{"id": "c"}]},
    "path-empty": {"claims": [{"path": []}]},
    "path-negative": {"claims": [{"path": ["a", -1]}]},
    "path-true": {"claims": [{"path": ["a", True]}]},
    "path-fraction": {"claims": [{"path": ["a", 1.5]}]},
    "values-empty": {"claims": [{**_CLAIM, "values": []}]},
    "value-an-object": {"claims": [{**_CLAIM, "values": [{}]}]},
    "two-claims-of-one-name": {"claims": [_CLAIM, {**_CLAIM, "path": ["a"]}]},
    "claim-sets-without-claims": {"claim_sets": [["c"]]},
    "claim-sets-of-nameless": {"claims": [_CLAIM, {"path": ["a"]}], "claim_sets": [["c"]]},
    "claim-set-unknown": {"claims": [_CLAIM], "claim_sets": [["d"]]},
    "claim-set-empty": {"claims": [_CLAIM], "claim_sets": [[]]},
    "multiple-one": {"multiple": 1},
    "binding-a-text": {"require_cryptographic_holder_binding": "false"},
    "authorities-empty": {"trusted_authorities": []},
    "authority-without-values": {"trusted_authorities": [{"type": "aki"}]},
    "mdoc-path-of-one": {"format": "mso_mdoc", "claims": [_CLAIM]},
    "mdoc-path-with-null": {"format": "mso_mdoc", "claims": [{"path": ["a", None]}]},
}


def _queries() -> Iterable[Case]:
    def case(name: str, query: object, expect: str, comment: str) -> Case:
        text = query if isinstance(query, str) else json.dumps(query)
        return {"id": f"query-{name}", "comment": comment, "query": text, "expect": expect}

    yield case("one", {"credentials": [_ASKED], "unknown": 1}, "ok", "unknown members are left out")
    yield case("no-json", "{", "Malformed", "cut off")
    yield case("a-list", [], "Malformed", "no object")
    yield case("no-credentials", {"credentials": []}, "Malformed", "asks for nothing")
    yield case(
        "two-of-one-name", {"credentials": [_ASKED, _ASKED]}, "Malformed", "two with one name"
    )
    yield case(
        "too-many",
        {"credentials": [{**_ASKED, "id": f"a{index}"} for index in range(33)]},
        "LimitExceeded",
        "33 credentials",
    )
    for name, changed in _BAD_CREDENTIALS.items():
        made = {key: value for key, value in {**_ASKED, **changed}.items() if value is not None}
        yield case(name, {"credentials": [made]}, "Malformed", name.replace("-", " "))
    for name, sets in (
        ("sets-empty", []),
        ("set-without-options", [{}]),
        ("set-options-empty", [{"options": []}]),
        ("set-option-empty", [{"options": [[]]}]),
        ("set-unknown", [{"options": [["b"]]}]),
        ("set-required-one", [{"options": [["a"]], "required": 1}]),
    ):
        yield case(name, {"credentials": [_ASKED], "credential_sets": sets}, "Malformed", name[4:])
