import pytest

from billfold.document import Document, FieldEdit, IssuerFact, Scalar, random_record_id
from billfold.model import Credential, wallet_merge_kinds
from billfold.model.lifecycle import Lifecycle, lifecycle_of, presence_of, unused_instances

RECORD = random_record_id(bytes(16))
NOW = 1_700_000_000
DAY = 24 * 3600
LAPTOP, PHONE = "1a" * 16, "2b" * 16


def credential(**fields: Scalar) -> Credential:
    document = Document(bytes(16), wallet_merge_kinds)
    given: dict[str, Scalar] = {"type": "credential", "raw": "e30~", **fields}
    document.change([FieldEdit(RECORD, name, value) for name, value in given.items()], time_ms=0)
    return Credential(document.record(RECORD))


def status(value: str, time_s: int = NOW) -> str:
    return IssuerFact(value=value, time_s=time_s).encode()


BATCH: dict[str, Scalar] = {
    "one_time": True,
    f"instances/{LAPTOP}.1": "a",
    f"instances/{LAPTOP}.2": "b",
    f"instances/{PHONE}.1": "c",
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Lifecycle.VALID),
        ({"expires_at": NOW + 31 * DAY}, Lifecycle.VALID),
        ({"expires_at": NOW + 29 * DAY}, Lifecycle.EXPIRING),
        ({"expires_at": NOW}, Lifecycle.EXPIRED),
        ({"valid_from": NOW + 1}, Lifecycle.NOT_YET_VALID),
        ({"status": status("valid")}, Lifecycle.VALID),
        ({"status": status("suspended"), "expires_at": NOW}, Lifecycle.SUSPENDED),
        ({"status": status("invalid"), "replaced_by": "x"}, Lifecycle.REVOKED),
        ({"replaced_by": "x"}, Lifecycle.REPLACED),
        (BATCH, Lifecycle.VALID),
        (BATCH | {f"uses/{LAPTOP}.1/p": "bank"}, Lifecycle.VALID),
        (
            BATCH
            | {f"uses/{name}/p": "bank" for name in (f"{LAPTOP}.1", f"{LAPTOP}.2", f"{PHONE}.1")},
            Lifecycle.EXHAUSTED,
        ),
    ],
)
def test_how_a_credential_stands_follows_from_its_fields(
    fields: dict[str, Scalar], expected: Lifecycle
) -> None:
    assert lifecycle_of(credential(**fields), now_s=NOW) is expected


def test_a_suspension_that_the_issuer_has_lifted_is_over_whoever_hears_of_it_last() -> None:
    document = Document(bytes(16), wallet_merge_kinds)
    for said in (status("suspended", 10), status("valid", 30), status("invalid", 20)):
        edits = [FieldEdit(RECORD, "type", "credential"), FieldEdit(RECORD, "status", said)]
        document.change(edits, time_ms=0)
    assert lifecycle_of(Credential(document.record(RECORD)), now_s=NOW) is Lifecycle.VALID


def test_a_device_sees_which_instances_are_its_own_to_spend() -> None:
    held = credential(**BATCH, **{f"uses/{LAPTOP}.2/p": "bank"})
    assert unused_instances(held, device=LAPTOP) == (f"{LAPTOP}.1",)
    assert unused_instances(held, device=PHONE) == (f"{PHONE}.1",)
    assert len(unused_instances(held)) == 2


@pytest.mark.parametrize(
    ("binding", "bound_device", "present_from"),
    [
        ("device", PHONE, PHONE),
        ("device", LAPTOP, None),
        ("software", None, None),
        ("remote", PHONE, None),
        (None, None, None),
    ],
)
def test_a_device_bound_credential_is_presented_from_its_device(
    binding: str | None, bound_device: str | None, present_from: str | None
) -> None:
    given = {"binding": binding, "bound_device": bound_device}
    held = credential(**{name: value for name, value in given.items() if value is not None})
    presence = presence_of(held, this_device=LAPTOP)
    assert presence.present_from == present_from
    assert presence.is_here == (present_from is None)
    assert held.raw == "e30~"  # It can be read on every device.
