"""How the relay writes about snapshots, and says it to a wallet's devices.

Spec: 16-snapshots.md
"""

from collections.abc import Callable, Sequence

from billfold_protocol.ids import EntryId, WalletId
from billfold_protocol.messages import Judged, SnapshotHeld
from billfold_protocol.snapshot import Snapshot
from billfold_server.commits import SnapshotStep, WalletCommit
from billfold_server.delivery import Delivery
from billfold_server.hub import Peer
from billfold_server.snapshots import Held
from billfold_server.store import PutSnapshotPart, SnapshotStanding, Write
from billfold_server.wallet_log import ActiveWallet

Stage = Callable[[ActiveWallet, int], WalletCommit]
"""Returns a wallet's part of the next commit, which grows by so many bytes."""


class SnapshotDesk:
    """Stages writes, and says what follows once they are durable."""

    def __init__(self, delivery: Delivery, stage: Stage) -> None:
        self._delivery = delivery
        self._stage = stage

    def announce(self, wallet: ActiveWallet, held: Held, but: Peer | None) -> None:
        """Tell a wallet's devices of a snapshot, but for one."""
        self.say(wallet, tell(wallet.wallet_id, held), but)

    def say(self, wallet: ActiveWallet, message: SnapshotHeld | Judged, but: Peer | None) -> None:
        """Say something to a wallet's devices, but for one."""
        for peer, _ in self._delivery.hub.listeners(wallet.wallet_id):
            if peer is not but:
                peer.send(message)

    def commit(
        self,
        wallet: ActiveWallet,
        writes: Sequence[Write],
        done: Callable[[], None],
        peer: Peer | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        """Stage writes; what must be said when they are durable, and to whom if they are not."""
        size = sum(len(w.data) for w in writes if isinstance(w, PutSnapshotPart))
        named = None if snapshot is None else EntryId(snapshot.id)
        step = SnapshotStep(writes=tuple(writes), done=done, peer=peer, named=named)
        self._stage(wallet, size).steps.append(step)


def tell(wallet_id: WalletId, held: Held) -> SnapshotHeld:
    """Return what is said of a snapshot."""
    return SnapshotHeld(
        wallet_id=wallet_id,
        statement=held.raw,
        endorsements=tuple(held.endorsements.values()),
        is_resting=held.standing is SnapshotStanding.RESTING,
    )


def nothing() -> None:
    """Say nothing."""
