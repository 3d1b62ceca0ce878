from billfold.credentials.dcql import parse_query
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.presentation import Request, verify_presentation
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.status_list import verify_status_list
from billfold.credentials.verification import StatusReference, verify_credential
from billfold_protocol import errors
from billfold_protocol.errors import CredentialRefused
from tests.vectors.vector_files import Vector, each, expecting, load, refused_with


def keys_of(vector: Vector) -> IssuerKeys:
    if "key_set" in vector:
        return IssuerKeys.key_set(vector["key_set"])
    return IssuerKeys.pinned(vector["issuer_key"], issuer=vector.get("issuer"))


def vct_of(vector: Vector) -> list[str] | None:
    return [vector["vct"]] if "vct" in vector else None


@each("credentials", "credential")
def test_a_credential_is_verified_or_refused(vector: Vector) -> None:
    with expecting(vector):
        verified = verify_credential(
            parse_sd_jwt(vector["credential"]),
            keys_of(vector),
            now_s=vector["now_s"],
            vct=vct_of(vector),
        )
        assert verified.claims == vector.get("claims", verified.claims)


@each("credentials", "presentation")
def test_a_presentation_is_verified_or_refused(vector: Vector) -> None:
    with expecting(vector):
        verified = verify_presentation(
            vector["presentation"],
            keys_of(vector),
            request=Request(audience=vector["audience"], nonce=vector["nonce"]),
            now_s=vector["now_s"],
        )
        assert verified.is_bound
        assert verified.claims == vector["claims"]


@each("credentials", "status_list")
def test_a_status_is_read_or_its_list_is_refused(vector: Vector) -> None:
    with expecting(vector):
        verified = verify_status_list(
            vector["status_list"], keys_of(vector), uri=vector["uri"], now_s=vector["now_s"]
        )
        reference = StatusReference(uri=vector["uri"], index=vector["index"])
        assert verified.status_of(reference).name == vector["status"]


@each("credentials", "query")
def test_a_query_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        parse_query(vector["query"])


def test_every_reason_to_refuse_a_credential_has_a_vector() -> None:
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, CredentialRefused)
        and kind is not CredentialRefused
    }
    assert kinds <= refused_with(load("credentials")["vectors"])
