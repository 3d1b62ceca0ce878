from itertools import combinations

import pytest

from billfold_protocol.membership import Create, Home, Link
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, show
from tests.support.adversaries.stage import HonestDevice, Stage

pytestmark = pytest.mark.attack("M03")


def identifiers(stage: Stage, device: HonestDevice) -> set[bytes]:
    """Return everything in a wallet's rows by which it could be joined with another."""
    found: set[bytes] = {device.wallet_id}
    for entry in device.replica.core.chain.entries:
        found.add(entry.author)
        match entry.payload:
            case Create() | Link() as added:
                keys = added.keys
                found |= {keys.signing, keys.wrapping, keys.device_id, added.holder}
                if isinstance(added, Link):
                    found.add(added.session)
            case Home():
                # All wallets of a server name its address and key: that joins nobody.
                continue
            case _:
                continue
    for row in stage.server.store.entries(device.wallet_id):
        found |= {row.feed, row.entry_id}
    found |= {wrap.raw for wrap in stage.server.store.wraps(device.wallet_id)}
    return found


async def test_no_row_joins_two_wallets_of_one_person() -> None:
    stage = Stage("M03")
    first = [stage.found(f"wallet {number}") for number in range(3)]
    for number, device in enumerate(first):
        stage.link(device, f"phone {number}")
        device.write("field", stage.canaries.next())
    stage.settle()
    attack = Attack(stage, first[0])
    rows = {device.name: identifiers(stage, device) for device in first}
    for left, right in combinations(first, 2):
        common = rows[left.name] & rows[right.name]
        if common:
            raise Broken("secrets", f"{left} and {right} have {len(common)} identifiers in common")
    show(f"{sum(map(len, rows.values()))} identifiers, none in two wallets")
    attack.ends(shows=[])
