"""What a device does about a bad rotation: it complains, answers a complaint, or goes past it.

    the newest key does not open, or does not come ─► complain ─ nobody answers ─► rotate past it
    another cannot open it, and here it opens ──────► rotate
    it does not lead to all older keys held here ───► rotate, with links to those

Each is an entry of the membership chain, so all devices see who did what. A complaint costs an
epoch; who complains again and again of a device's own good epochs gets no more of them.

Spec: 12-key-hierarchy.md
"""

import asyncio
from collections.abc import Callable

from billfold.authoring import Author, Authored
from billfold.proposals import Proposals
from billfold.replica import Replica
from billfold_protocol.errors import LocalProtocolError
from billfold_protocol.ids import DeviceId, EpochId
from billfold_protocol.key_hierarchy import unreachable_epochs
from billfold_protocol.membership import Complain, Kind, MembershipChain

LATE_MS = 600_000
"""How long the newest key may fail to come from a live server before this device complains."""

ANSWER_MS = 60_000
"""How long a complaint may stay without an answer before this device goes past the epoch."""

ANSWERS_COUNT_MAX = 2
"""Complaints of one device about epochs of this device's own that are answered by another."""

HEALS_COUNT_MAX = 8
"""Epochs that one connection begins only to lead to older ones."""


class Remedies:
    """What one connection does about bad rotations."""

    def __init__(self, replica: Callable[[], Replica], proposals: Proposals) -> None:
        self._get_replica = replica
        self._proposals = proposals
        self._under_way: asyncio.Future[None] | None = None
        self._whole: EpochId | None = None
        """The epoch that was found to lead to all older ones."""

        self._heals_count = 0

    def due(self) -> None:
        """Ask for the entry that is due, if one is; everything that the server holds is here."""
        core = self._get_replica().core
        member, state = core.member, core.chain.state
        is_busy = self._under_way is not None and not self._under_way.done()
        if member is None or member.kind is not Kind.DEVICE or state.is_closed or is_busy:
            return
        if core.epoch_key is None:
            self._due_without_key()
        elif not core.may_write:
            return
        elif any(_is_answered(core.chain, core.device_id, device) for device in state.complaints):
            self._ask(lambda author: author.rotate())
        elif self._whole != state.epoch.id and self._heals_count < HEALS_COUNT_MAX:
            if unreachable_epochs(core.chain, core.epoch_keys):
                self._heals_count += 1
                self._ask(lambda author: author.rotate())
            else:
                self._whole = state.epoch.id

    def _due_without_key(self) -> None:
        core = self._get_replica().core
        state, now_ms = core.chain.state, core.now_ms()
        has_complained = core.device_id in state.complaints
        if core.lacking is None or core.lacking[:2] != (state.epoch.id, has_complained):
            core.lacking = (state.epoch.id, has_complained, now_ms)
        waited_ms = abs(now_ms - core.lacking[2])
        if not has_complained:
            if waited_ms >= LATE_MS or state.epoch.id in core.unopened_epochs:
                self._ask(lambda author: author.complain())
        elif waited_ms >= ANSWER_MS and core.may_write and core.epoch_keys:
            self._ask(lambda author: author.rotate())

    def _ask(self, entry: Callable[[Author], Authored]) -> None:
        epoch = self._get_replica().state.epoch.id

        def make(author: Author) -> Authored:
            if author.chain.state.epoch.id != epoch:
                raise LocalProtocolError("another device has begun a new epoch already")
            return entry(author)

        self._under_way = self._proposals.add(make, needs_key=False)
        # Nobody waits for it: what came of it shows in the chain.
        self._under_way.add_done_callback(lambda done: done.cancelled() or done.exception())


def _is_answered(chain: MembershipChain, own: DeviceId, device: DeviceId) -> bool:
    """Whether a device's complaint is to be answered by this one.

    An epoch of one's own is good. So of a device that complains of such ones twice, no complaint
    is answered any more: it lies, or cannot be helped.
    """
    count = sum(
        entry.author == device
        and isinstance(entry.payload, Complain)
        and chain.entries[chain.state_at(k).epoch.k].author == own
        for k, entry in enumerate(chain.entries)
    )
    return count <= ANSWERS_COUNT_MAX
