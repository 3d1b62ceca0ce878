from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.errors import AuthFailed
from billfold_protocol.feed import parse_entry
from billfold_protocol.feed.entry import sign_entry
from tests.support.adversaries.evil_relay import changing_entries, only_to
from tests.support.adversaries.stage import pair


async def test_an_entry_that_did_not_open_is_asked_for_again_and_taken_when_it_does() -> None:
    """The laptop has signed two envelopes of each entry; the phone gets the one that is no use."""
    stage, laptop, phone = pair("two envelopes")

    def unreadable(raw: bytes) -> Iterable[bytes]:
        entry = parse_entry(raw, laptop.wallet_id).value
        if entry.feed != laptop.replica.core.feed:
            return [raw]
        other = replace(entry, ciphertext=bytes(len(entry.ciphertext)))
        return [sign_entry(other, laptop.wallet_id, laptop.secrets.signing_key).raw]

    stage.server.answers.tamper = only_to(phone.device_id, changing_entries(unreadable))
    for number in range(3):
        laptop.write("password", f"secret {number}")
        stage.settle(5.0)
    stage.settle()
    assert phone.read("password") is None
    assert {type(error) for error in phone.shown} == {AuthFailed}
    phone.reconnect()
    stage.settle()
    told = len(phone.shown)
    assert phone.read("password") is None, "the server goes on lying"
    stage.server.answers.tamper = None
    phone.reconnect()
    stage.settle()
    assert phone.read("password") == "secret 2"
    assert phone.replica.state_hash() == laptop.replica.state_hash()
    assert len(phone.shown) == told
    assert phone.replica.quarantined_count == 0
