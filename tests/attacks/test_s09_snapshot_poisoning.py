from collections.abc import Callable
from dataclasses import replace

import pytest

from billfold.core import Core
from billfold.document import Document
from billfold.snapshots import keeper
from billfold.snapshots.content import content_of
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    Gap,
    SnapshotMismatch,
    StaleServer,
)
from billfold_protocol.messages import ServerMessage, SnapshotBytes, SnapshotHeld
from billfold_protocol.snapshot_sealing import SnapshotContent
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, Tamper, changing_entries
from tests.support.adversaries.findings import named, require_exactly, show
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.simulation import hurry

pytestmark = pytest.mark.attack("S09")

UNITS_MIN, DAY_S = 8, 24 * 3600


def with_snapshot(seed: str) -> tuple[Stage, HonestDevice, HonestDevice]:
    """Return a stage whose server holds a snapshot that another device has endorsed."""
    stage, laptop, phone = pair(seed)
    hurry(phone, 10_000)
    hurry(laptop, UNITS_MIN)
    for number in range(UNITS_MIN):
        laptop.write(f"covered {number}", number)
        stage.settle(5.0)
    stage.settle()
    (held,) = stage.server.relay.wallet(laptop.wallet_id).shelf.durable
    assert set(held.endorsements) == {phone.device_id}
    hurry(laptop, 10_000)
    laptop.write("in the tail", 1)
    stage.settle()
    return stage, laptop, phone


def entries_count(stage: Stage, device: HonestDevice) -> int:
    return len(stage.server.store.entries(device.wallet_id))


def changing_bytes(change: Callable[[bytes], bytes]) -> Tamper:
    """Change what a snapshot's bytes are when they are served."""

    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if isinstance(message, SnapshotBytes) and message.data:
            return [replace(message, data=change(message.data))]
        return [message]

    return tamper


def changing_statement(change: Callable[[bytes], bytes]) -> Tamper:
    """Change what a snapshot's author has signed."""

    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if isinstance(message, SnapshotHeld):
            return [replace(message, statement=change(message.statement))]
        return [message]

    return tamper


def unendorsed(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
    """Pass a snapshot on without the word of the one who stands by it."""
    if isinstance(message, SnapshotHeld):
        return [replace(message, endorsements=())]
    return [message]


POISONS: dict[str, tuple[Tamper, type[BillfoldError] | None]] = {
    "a flipped bit": (
        changing_bytes(lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:]),
        SnapshotMismatch,
    ),
    "other bytes": (changing_bytes(lambda data: bytes(len(data))), SnapshotMismatch),
    "too few bytes": (changing_bytes(lambda data: data[:-16]), None),
    "no bytes": (changing_bytes(lambda _: b""), None),
    "another statement": (changing_statement(lambda raw: raw[:-1] + b"\x00"), AuthFailed),
    "no signature": (changing_statement(lambda raw: bytes(64) + raw[64:]), AuthFailed),
    "no endorsement": (unendorsed, None),
}


@pytest.mark.parametrize("poison", POISONS)
async def test_a_new_device_begins_with_no_snapshot_that_was_tampered_with(poison: str) -> None:
    tamper, kind = POISONS[poison]
    stage, laptop, phone = with_snapshot(f"S09/{poison}")
    attack = Attack(stage, laptop, phone)
    before = entries_count(stage, laptop)
    stage.server.answers.tamper = tamper
    tablet = stage.link(laptop, "tablet")
    with named("unchanged"):
        # It falls back to the entries, all of which are still there.
        assert tablet.replica.core.base is None
        assert entries_count(stage, laptop) == before
    with named("kept"):
        assert tablet.replica.state_hash() == laptop.replica.state_hash()
    require_exactly(tablet.shown, [] if kind is None else [kind], tablet)
    attack.ends(shows=[], changes=[laptop, phone])


async def test_a_tail_that_does_not_continue_the_snapshot_shows() -> None:
    stage, laptop, phone = with_snapshot("S09/stale")
    for number in range(3):
        laptop.write("later in the tail", number)
        stage.settle(5.0)
    attack = Attack(stage, laptop, phone)
    rows = stage.server.store.entries(laptop.wallet_id)
    withheld = {row.raw for row in rows[-4:-1]}
    stage.server.answers.tamper = changing_entries(lambda raw: [] if raw in withheld else [raw])
    tablet = stage.link(laptop, "tablet")
    require_exactly(tablet.shown, [Gap, StaleServer], tablet)
    with named("unchanged"):
        assert tablet.replica.core.base is not None
        assert tablet.read("later in the tail") is None
    attack.ends(shows=[], changes=[laptop, phone])
    with named("kept"):
        assert tablet.read("later in the tail") == 2


def without(core: Core, change_hash: bytes) -> SnapshotContent:
    """Return what a lying member would put into its snapshot: everything but one change."""
    honest = content_of(core)
    assert honest is not None
    document = Document(core.feed)
    document.apply([raw for hash_, raw in core.document.changes() if hash_ != change_hash])
    return replace(honest, saved=document.save())


async def test_a_members_snapshot_that_omits_one_change_prunes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, laptop, phone = pair("S09/omitted")
    liar = stage.link(laptop, "liar")
    devices = (laptop, phone, liar)
    for device in devices:
        hurry(device, 10_000)
    for number in range(UNITS_MIN):
        laptop.write(f"covered {number}", number)
        stage.settle(5.0)
    phone.write("to be left out", stage.canaries.next())
    stage.settle()
    *_, (omitted, _) = phone.replica.document.changes()
    attack = Attack(stage, laptop, phone)
    before = entries_count(stage, laptop)
    monkeypatch.setattr(
        keeper,
        "content_of",
        lambda core: without(core, omitted) if core.device_id == liar.device_id else None,
    )
    hurry(liar, 1)
    liar.reconnect()
    attack.run()
    with named("error"):
        told = [str(error) for device in (laptop, phone) for error in attack.shown(device)]
        assert any("leaves out 1 changes" in text for text in told), told
        assert all(liar.device_id[:4].hex() in text for text in told), "the liar is named"
    with named("unchanged"):
        assert stage.server.relay.wallet(laptop.wallet_id).shelf.durable == []
    monkeypatch.undo()
    stage.clock.run_for(40 * DAY_S)
    stage.server.compact()
    tablet = stage.link(laptop, "tablet")
    with named("kept"):
        assert entries_count(stage, laptop) >= before
        assert tablet.replica.core.base is None
        assert tablet.read("to be left out") == phone.read("to be left out") is not None
    show("one of the changes omitted")
    attack.ends(shows=[SnapshotMismatch], changes=[laptop, phone])
