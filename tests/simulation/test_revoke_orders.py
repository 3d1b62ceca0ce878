import os
from collections.abc import Sequence
from itertools import permutations, product
from random import Random

import pytest

from billfold.document import FieldEdit, random_record_id
from billfold_protocol.ids import EntryId
from billfold_protocol.membership import Role
from tests.support.circle import Circle, Membership

RECORD = random_record_id(bytes(range(16)))
LAST_COUNT = int(os.environ.get("BILLFOLD_LAST_ENTRIES", "2"))
"""Entries that the lost device makes at the end; every order of them is tried."""

SAMPLES_COUNT = 12


def begin(*readers: str, writers: Sequence[str] = ()) -> tuple[Circle, list[bytes]]:
    """Return a circle with a device that will be lost, and the last entries of that device."""
    circle = Circle("revoke orders")
    circle.link("lost", Role.EDITOR)
    for name in writers:
        circle.link(name, Role.EDITOR)
    for name in readers:
        circle.link(name, Role.VIEWER)
    circle.edit("owner", [FieldEdit(RECORD, "type", "login")])
    circle.share()
    last = [
        entry
        for number in range(LAST_COUNT)
        for entry in circle.edit("lost", [FieldEdit(RECORD, f"field {number % 2}", number)])
    ]
    assert len(last) == LAST_COUNT
    return circle, last


def hear(
    circle: Circle, name: str, revoke: Membership, last: list[bytes], count_before: int
) -> None:
    """Let a device hear of the revoke after some of the last entries, and then of the others."""
    circle.tell(name, *last[:count_before], revoke, *last[count_before:])


def ids_of(circle: Circle, entries: list[bytes]) -> frozenset[EntryId]:
    """Return the ids of the lost device's last entries."""
    feed = circle["lost"].replica.core.feed
    rows = [row for row in circle["lost"].store.entry_index() if row.feed == feed]
    return frozenset(row.entry_id for row in rows[-len(entries) :])


POSITIONS = range(LAST_COUNT + 1)


@pytest.mark.parametrize("cut", POSITIONS)
def test_what_a_writer_had_applied_before_it_heard_of_the_revoke_counts(cut: int) -> None:
    for before, other_before, reader_before in product(POSITIONS, repeat=3):
        if before > other_before:
            continue  # The two writers are alike.
        circle, last = begin("reader", writers=("writer", "other"))
        circle.tell("owner", *last[:cut])
        revoke = circle.revoke("owner", "lost")
        hear(circle, "writer", revoke, last, before)
        hear(circle, "other", revoke, last, other_before)
        hear(circle, "reader", revoke, last, reader_before)
        circle.share()
        counted = circle.require_equal()
        # The author's own knowledge is the cut; a writer vouches; a reader's knowledge is nothing.
        stands = max(cut, before, other_before)
        assert len(counted & ids_of(circle, last)) == stands


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
@pytest.mark.parametrize("cut", POSITIONS)
def test_every_order_of_the_revoke_and_the_last_entries_ends_equal(cut: int, role: Role) -> None:
    for order, is_restarted in product(permutations(range(LAST_COUNT + 1)), (False, True)):
        is_writer = role is Role.EDITOR
        circle, last = begin("late", writers=["witness"]) if is_writer else begin("witness", "late")
        circle.tell("owner", *last[:cut])
        revoke = circle.revoke("owner", "lost")
        told: list[Membership | bytes] = [*last, revoke]
        for item in [told[index] for index in order]:
            circle.tell("witness", item)
            if is_restarted:
                circle["witness"].restart()
        circle.share()
        counted = circle.require_equal()
        known = applied_before_the_revoke(order, is_restarted=is_restarted)
        stands = max(cut, known) if is_writer else cut
        assert len(counted & ids_of(circle, last)) == stands


def applied_before_the_revoke(order: Sequence[int], *, is_restarted: bool) -> int:
    """Return how many of the last entries a device had applied when it heard of the revoke.

    An entry waits for the one before it; a device that ends forgets what waited.
    """
    applied = 0
    waiting: set[int] = set()
    for number in order[: list(order).index(LAST_COUNT)]:
        waiting.add(number)
        while applied in waiting:
            applied += 1
        if is_restarted:
            waiting.clear()
    return applied


@pytest.mark.parametrize("seed", range(SAMPLES_COUNT))
def test_two_revokes_a_demotion_and_many_devices_end_equal(seed: int) -> None:
    random = Random(seed)
    circle = Circle(f"many/{seed}")
    names = ["first lost", "second lost", "demoted", "writer", "other", "reader"]
    for name in names:
        circle.link(name, Role.VIEWER if name == "reader" else Role.EDITOR)
    heads = dict.fromkeys(circle.devices, 0)
    changes = random.sample(["first lost", "second lost", "demoted", "back"], 4)
    for _ in range(30):
        name = random.choice(list(circle.devices))
        device = circle[name]
        match random.randrange(4):
            case 0 if device.replica.core.may_write and device.replica.core.epoch_key:
                heads[name] += 1
                field = f"field {random.randrange(3)}"
                circle.edit(name, [FieldEdit(RECORD, field, f"{name} {heads[name]}")])
            case 1 if changes and random.random() < 0.4:
                change_membership(circle, changes.pop(), random)
            case _:
                news: list[Membership | bytes] = [*circle.entries]
                random.shuffle(news)
                news = news[: random.randrange(1, 12)]
                if random.random() < 0.3:
                    # The chain arrives in order, somewhere among the entries.
                    at = random.randrange(len(news) + 1) if news else 0
                    news[at:at] = circle.memberships
                if not device.replica.is_removed:
                    circle.tell(name, *news)
                if random.random() < 0.1:
                    device.restart()
    circle.share()
    circle.require_equal()
    before = [device.replica.state_hash() for device in circle.remaining()]
    for device in circle.remaining():
        device.restart()
    assert [device.replica.state_hash() for device in circle.remaining()] == before


def change_membership(circle: Circle, change: str, random: Random) -> None:
    """Let the owner, who has the whole chain, change the membership."""
    owner = circle["owner"]
    known = [entry for entry in circle.entries if random.random() < 0.5]
    circle.tell("owner", *known)
    match change:
        case "demoted":
            circle.set_role("owner", change, Role.VIEWER)
        case "back":
            member = owner.replica.state.members[circle["demoted"].device_id]
            if not member.role.can_write:
                circle.set_role("owner", "demoted", Role.EDITOR)
        case _:
            circle.revoke("owner", change)
