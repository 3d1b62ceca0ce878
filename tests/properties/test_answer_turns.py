"""Several devices want to answer one message: exactly one sends, whatever comes between.

The server is a list in the order of arrival; a look takes in all of it. Between looking and acting
anything may happen on other devices, and a crash forgets what was found out but not what was
written.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.document import Document, FieldEdit, random_record_id
from billfold.model import Message, wallet_merge_kinds
from billfold.model.answer_turns import Turn, answer_id, next_turn
from tests.support.examples import examples

RECORD = random_record_id(bytes(16))
IDS = ["aa", "bb", "cc"]


class Server:
    def __init__(self) -> None:
        self.log: list[bytes] = []


class Device:
    def __init__(self, number: int, server: Server) -> None:
        self.id = IDS[number]
        self.document = Document(bytes([65 + number]) * 16, wallet_merge_kinds)
        self.server = server
        self.unsent: list[bytes] = []
        self.found: Turn | None = None
        self.sends = 0
        self.finds: list[Turn] = []

    @property
    def claims(self) -> dict[str, str]:
        return Message(self.document.record(RECORD)).claims

    def write(self, state: str) -> None:
        edit = FieldEdit(RECORD, f"answer_claims/{self.id}", state)
        change = self.document.change([edit], time_ms=0)
        if change is not None:
            self.unsent.append(change.raw)

    def claim(self) -> None:
        if self.id not in self.claims:
            self.write("claimed")

    def push(self) -> None:
        self.server.log += self.unsent
        self.unsent = []

    def look(self) -> None:
        if self.id not in self.claims or self.unsent:
            return
        self.document.apply(self.server.log)
        self.found = next_turn(self.claims, self.id)
        self.finds.append(self.found)

    def act(self) -> None:
        turn, self.found = self.found, None
        if turn is Turn.YIELD:
            self.write("yielded")
        elif turn is Turn.SEND:
            self.write("sending")
            self.sends += 1

    def finish(self) -> None:
        if self.claims.get(self.id) == "sending" and self.sends:
            self.write("sent")

    def crash(self) -> None:
        self.found = None


STEPS = ("claim", "push", "look", "act", "finish", "crash")


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(STEPS)), max_size=40))
@settings(max_examples=examples(200), deadline=None)
def test_exactly_one_device_sends_the_answer(script: list[tuple[int, str]]) -> None:
    server = Server()
    devices = [Device(number, server) for number in range(3)]
    start = devices[0].document.change([FieldEdit(RECORD, "type", "message")], time_ms=0)
    assert start is not None
    server.log.append(start.raw)
    for device in devices:
        device.document.apply(server.log)
    for number, step in script:
        getattr(devices[number], step)()
    wanted = any(device.claims.get(device.id) for device in devices)
    for _ in range(4):
        for device in devices:
            for step in ("push", "look", "act", "push", "finish", "push"):
                getattr(device, step)()
    assert sum(device.sends > 0 for device in devices) == (1 if wanted else 0)
    if wanted:
        for device in devices:
            device.document.apply(server.log)
        states = [claim for device in devices for claim in device.claims.values()]
        assert set(states) <= {"yielded", "sent"}
        assert all(device.finds[-1] is Turn.DONE for device in devices if device.finds)


@pytest.mark.parametrize(
    ("claims", "gone", "turn"),
    [
        ({"bb": "claimed"}, (), Turn.SEND),
        ({"bb": "claimed", "aa": "claimed"}, (), Turn.YIELD),
        ({"bb": "claimed", "cc": "claimed"}, (), Turn.WAIT),
        ({"bb": "claimed", "cc": "yielded"}, (), Turn.SEND),
        ({"bb": "claimed", "cc": "sending"}, (), Turn.YIELD),
        ({"bb": "sending", "aa": "claimed"}, (), Turn.SEND),
        ({"bb": "sent", "aa": "claimed"}, (), Turn.DONE),
        ({"bb": "claimed", "aa": "claimed"}, ("aa",), Turn.SEND),
        ({"bb": "claimed", "aa": "sending"}, ("aa",), Turn.ASK),
        ({"bb": "yielded", "aa": "sending"}, ("aa",), Turn.ASK),
        ({"bb": "yielded", "aa": "sending"}, (), Turn.DONE),
        ({"bb": "yielded", "aa": "claimed"}, (), Turn.WAIT),
    ],
)
def test_a_device_knows_its_turn(claims: dict[str, str], gone: tuple[str, ...], turn: Turn) -> None:
    assert next_turn(claims, "bb", gone=gone) is turn


def test_an_answer_has_one_id_whichever_device_sends_it() -> None:
    assert answer_id("acme", "1") == answer_id("acme", "1")
    assert answer_id("acme", "1") != answer_id("acm", "e1")
