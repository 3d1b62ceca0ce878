import pytest

from billfold.credentials.lifecycle import EXPIRING_S, Facts, Lifecycle, lifecycle_of
from billfold.credentials.pool import Pool, share_out
from billfold_protocol.errors import OutOfStock

BANK, SHOP = "https://bank.example", "https://shop.example"
NAMES = ["f1/0", "f1/2", "f1/10", "f2/1"]


def test_a_batch_is_shared_out_equally_and_the_first_has_what_is_over() -> None:
    owners = share_out(20, ["a", "b", "c"])
    assert [owners.count(one) for one in "abc"] == [7, 7, 6]


def test_a_device_shows_only_its_own_in_order() -> None:
    pool = Pool.read(NAMES, {})
    assert pool.choose("f1", BANK).instance.name == "f1/0"
    pool = Pool.read(NAMES, {"f1/0/p": SHOP})
    assert pool.choose("f1", BANK).instance.name == "f1/2"
    assert [one.name for one in pool.unused("f1")] == ["f1/2", "f1/10"]
    with pytest.raises(OutOfStock):
        pool.choose("f3", BANK)


def test_out_of_stock_only_the_same_verifier_sees_an_instance_again() -> None:
    pool = Pool.read(["f1/0", "f1/1", "f2/0"], {"f1/0/p": SHOP, "f1/1/p": BANK})
    again = pool.choose("f1", BANK)
    assert (again.instance.name, again.is_repeat) == ("f1/1", True)
    with pytest.raises(OutOfStock):
        pool.choose("f1", "https://other.example")


def test_an_instance_that_two_parties_got_is_told_and_never_shown_again() -> None:
    pool = Pool.read(["f1/0"], {"f1/0/p": SHOP, "f1/0/q": BANK})
    assert [one.name for one in pool.linkable] == ["f1/0"]
    for party in (SHOP, BANK):
        with pytest.raises(OutOfStock):
            pool.choose("f1", party)


def test_a_device_asks_for_more_at_the_threshold() -> None:
    pool = Pool.read(NAMES, {"f1/0/p": SHOP})
    assert not pool.is_low("f1", 1)
    assert pool.is_low("f1", 2)


def test_a_field_of_another_form_is_no_instance() -> None:
    assert Pool.read(["x", "f1/", "/1", "f1/-1"], {}).instances == ()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), Lifecycle.VALID),
        (Facts(ends_s=1_000_000 + EXPIRING_S), Lifecycle.EXPIRING),
        (Facts(ends_s=1_000_001 + EXPIRING_S), Lifecycle.VALID),
        (Facts(ends_s=1_000_000), Lifecycle.EXPIRED),
        (Facts(begins_s=1_000_001), Lifecycle.NOT_YET_VALID),
        (Facts(status="suspended"), Lifecycle.SUSPENDED),
        (Facts(status="other 7"), Lifecycle.SUSPENDED),
        (Facts(status="invalid", ends_s=1), Lifecycle.REVOKED),
        (Facts(is_replaced=True, ends_s=1), Lifecycle.REPLACED),
        (Facts(unused_count=0), Lifecycle.EXHAUSTED),
        (Facts(unused_count=1, status="valid"), Lifecycle.VALID),
        (Facts(unused_count=0, status="suspended"), Lifecycle.SUSPENDED),
    ],
)
def test_how_a_credential_stands_follows_from_the_facts(facts: Facts, expected: Lifecycle) -> None:
    found = lifecycle_of(facts, 1_000_000)
    assert found is expected
    assert found.is_usable is (expected in (Lifecycle.VALID, Lifecycle.EXPIRING))
