import pytest

from billfold_protocol.errors import StaleServer
from billfold_protocol.messages import Entries, ServerMessage, ServerState, Subscribed
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to, without
from tests.support.adversaries.findings import named, require_exactly, scaled, show
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("S03")

QUEUED_COUNT = scaled(small=5, whole=200)


async def test_an_old_statement_of_the_server_is_not_taken_for_a_new_one() -> None:
    stage, laptop, phone = pair("S03")
    said: list[ServerMessage] = []

    def record(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if isinstance(message, Subscribed):
            said.append(message)
        return [message]

    stage.server.answers.tamper = only_to(phone.device_id, record)
    phone.reconnect()
    stage.settle()
    phone.go_offline()
    laptop.write("hidden", stage.canaries.next())
    stage.settle()
    attack = Attack(stage, phone)

    def frozen(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        match message:
            case Subscribed():
                return [said[0]]
            case Entries():
                return []
            case _:
                return [message]

    stage.server.answers.tamper = only_to(phone.device_id, frozen)
    numbers = range(QUEUED_COUNT)
    for number in numbers:
        phone.write(f"queued {number}", number)
    phone.go_online()
    attack.run()
    with named("error"):
        require_exactly(attack.shown(phone), [StaleServer], phone)
    with named("kept"):
        # What is written meanwhile waits here, and none of it is taken for safe.
        assert phone.replica.unsynced_count > 0
        assert [phone.read(f"queued {number}") for number in numbers] == list(numbers)
        assert laptop.read("queued 0") is None
    stage.server.answers.tamper = None
    phone.reconnect()
    attack.run()
    with named("kept"):
        assert [laptop.read(f"queued {number}") for number in numbers] == list(numbers)
        assert phone.read("hidden") == laptop.read("hidden") is not None
    attack.ends(shows=[StaleServer], changes=[phone])


async def test_what_a_peer_says_that_it_has_seen_cannot_be_hidden() -> None:
    stage, laptop, phone = pair("S03/hidden")
    attack = Attack(stage, laptop)
    stage.server.answers.tamper = only_to(laptop.device_id, without(Entries))
    phone.write("hidden", stage.canaries.next())
    stage.settle()
    for _ in range(2):
        phone.reconnect()
        laptop.reconnect()
        stage.settle()
    with named("error"):
        require_exactly(attack.shown(laptop), [StaleServer], laptop)
        assert len(attack.shown(laptop)) == 1, "it is told once"
    attack.ends(shows=[StaleServer])
    with named("kept"):
        assert laptop.read("hidden") == phone.read("hidden") is not None


async def test_a_server_that_does_not_say_what_it_holds_is_given_everything_all_the_same() -> None:
    stage, laptop, phone = pair("S03/silent")
    attack = Attack(stage, laptop, phone)
    stage.server.answers.tamper = without(ServerState)
    laptop.write("meanwhile", stage.canaries.next())
    attack.run()
    with named("kept"):
        assert phone.read("meanwhile") == laptop.read("meanwhile")
    attack.ends(shows=[], changes=[laptop, phone])


async def test_a_sleeping_peer_raises_no_alarm() -> None:
    stage, laptop, phone = pair("S03/asleep")
    phone.go_offline()
    stage.settle()
    attack = Attack(stage, laptop)
    for number in range(3):
        laptop.write("now", number)
        laptop.reconnect()
        stage.settle()
    phone.go_online()
    attack.run()
    show("no alarm for a sleeping peer")
    attack.ends(shows=[], changes=[laptop])
