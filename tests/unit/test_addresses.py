import pytest

from billfold.transport import normalise_address
from billfold_protocol.errors import InputError


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("wallet.example.org", "https://wallet.example.org"),
        ("HTTPS://Wallet.Example.org:443/", "https://wallet.example.org"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://straße.example:8443", "https://xn--strae-oqa.example:8443"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]"),
        ("http://store_1.internal", "http://store_1.internal"),
    ],
)
def test_an_address_becomes_the_origin_in_ascii(typed: str, origin: str) -> None:
    assert normalise_address(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://wallet.example.org",
        "https://",
        "https://a b.example",
        "https://wallet..example",
        "https://-wallet.example",
        "https://wallet.example.org/path",
        "https://user@wallet.example.org",
        "https://wallet.example.org:99999",
        "https://[::g]",
        "https://" + "a" * 64 + "ü.example",
    ],
)
def test_what_is_no_address_is_refused_in_words(typed: str) -> None:
    with pytest.raises(InputError, match="not the address of a server"):
        normalise_address(typed)
