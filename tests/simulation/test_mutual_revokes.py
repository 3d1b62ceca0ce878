from functools import partial

import pytest

from billfold.authoring import Author
from billfold_protocol.errors import BillfoldError
from billfold_protocol.membership import Role, Target, TargetKind
from tests.support.simulation import World
from tests.support.simulation_checks import check_end, check_revoked
from tests.support.simulation_device import SimulatedDevice

LINKS_COUNT = 3


def owners_of(world: World) -> list[SimulatedDevice]:
    return [
        device
        for device in world.devices
        if (member := device.replica.core.member) is not None and member.role is Role.OWNER
    ]


def revoke(author: SimulatedDevice, victim: SimulatedDevice, ended: list[str]) -> None:
    target = Target(TargetKind.DEVICE, victim.device_id)

    def done(error: BaseException | None) -> None:
        assert error is None or isinstance(error, BillfoldError)
        ended.append("appended" if error is None else type(error).__name__)

    author.propose(lambda author: author.revoke(target), done)


@pytest.mark.parametrize("seed", range(12))
async def test_two_owners_who_revoke_each_other_at_once_leave_one_everywhere(seed: int) -> None:
    world = World(seed)
    world.clock.run_for(60.0)
    for _ in range(LINKS_COUNT):
        world.link_a_device()
        world.clock.run_for(20.0)
    founder = world.devices[0]
    for device in world.devices[1:]:
        founder.propose(partial(Author.set_role, device=device.device_id, role=Role.OWNER))
    world.clock.run_for(60.0)
    left, right, *_ = owners_of(world)
    ended: list[str] = []
    if seed % 2:
        # Neither hears of the other's before it has made its own.
        left.go_offline()
        right.go_offline()
    revoke(left, right, ended)
    revoke(right, left, ended)
    for device in (left, right):
        device.go_online()
    world.come_to_rest()
    assert ended.count("appended") == 1, ended
    removed = {device for device in (left, right) if device.replica.is_removed}
    assert len(removed) == 1
    (winner,) = {left, right} - removed
    members = {
        frozenset(device.replica.state.members)
        for device in world.devices
        if not device.replica.is_removed
    }
    assert len(members) == 1
    assert winner.device_id in members.pop()
    check_end(world)
    check_revoked(world)
