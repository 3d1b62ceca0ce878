"""A server whose membership chain goes on in another way than this device's: read it, and merge.

While two branches stand apart nothing of the server is taken: entries made on its branch mean
nothing on this one. A device that may merges them onto the server's branch; any other one waits,
and goes on with the merge when it is shown one that knows its own newest entry.

    shown an unknown branch ─► read whole ─┬─ it knows ours ───────────────────────► adopt
                                           ├─ we may, nobody is contested ─► merge ─► adopt
                                           └─ else ──────────────────────────────► ChainFork

Spec: 13-membership.md
"""

from collections.abc import Sequence

from billfold.accusing_branches import branches_finding
from billfold.authoring import Authored
from billfold.events import Warned
from billfold.findings import error_of_finding, note
from billfold.homes import Standing
from billfold.line import Line
from billfold.membership_news import changes_between
from billfold.other_history import is_agreed, keep_other_history, other_history_of
from billfold.replica import Replica
from billfold.wrap_keeping import keep_wraps
from billfold_protocol import limits
from billfold_protocol.client_session import Accepted
from billfold_protocol.errors import BillfoldError, ChainFork, RemoteProtocolError
from billfold_protocol.ids import DeviceId, EntryId, EpochId, EpochKey
from billfold_protocol.key_hierarchy import open_back_links, open_wrap
from billfold_protocol.membership import (
    MembershipChain,
    divergence_of,
    listed_wraps,
    membership_hash,
    wrap_hash,
)
from billfold_protocol.messages import Append, Compare


class Branching:
    """What one connection shows of another branch, and what is done about it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._raws: list[bytes] = []
        """The server's chain, as far as it was read."""

        self._last_k = -1
        self._statement = b""
        """What the server signed of its chain when it was connected to."""

        self.is_apart = False
        """Whether nothing of the server may be taken now."""

        self._theirs: MembershipChain | None = None
        self._keys: dict[EpochId, EpochKey] = {}
        self._wraps: dict[tuple[int, DeviceId], bytes] = {}
        """Those that the server's chain lists, for this device and others."""

        self._merge: Authored | None = None

    def accepted(self, accepted: Accepted) -> bool:
        """Take note of where the server's chain stands; whether it is on another branch.

        Raises:
            ChainFork: it went back to before a merge that this device knows.
        """
        checkpoint, self._statement = accepted.checkpoint, accepted.checkpoint_raw
        self._last_k = checkpoint.k
        own = self._line.replica.core.chain
        if checkpoint.k >= len(own) or own.state_at(checkpoint.k).head == checkpoint.head:
            return False
        if own.look_up(checkpoint.k, checkpoint.head) is not None:
            raise ChainFork("the server has gone back to before two histories were merged")
        self.is_apart = True
        return True

    def members(self, k: int, entries: Sequence[bytes]) -> None:
        """Take membership entries, and those of another branch too.

        Raises:
            ChainFork: the branches are not merged here.
            VerificationError, AccessError, Malformed: an entry may not stand in a chain.
        """
        replica = self._line.replica
        if self.is_apart and self._line.is_live:
            raise ChainFork("the server's branch has grown while it was to be merged; try again")
        if not self.is_apart and (self._line.is_live or _agrees(replica, k, entries)):
            replica.receive_members(k, entries)
            return
        self.is_apart = True
        if self._line.standing is Standing.FORMER:
            raise ChainFork("a former server has another history; it is merged where we live now")
        if not self._raws:
            self._raws = list(replica.core.chain.raws[:k])
        if k != len(self._raws):
            raise RemoteProtocolError("the server leaves out a part of the membership chain")
        self._raws.extend(entries)
        if len(self._raws) > limits.CHAIN_LENGTH_MAX:
            raise RemoteProtocolError("the server sends too many membership entries")
        if len(self._raws) > self._last_k:
            self._decide(MembershipChain.load(self._raws))

    @property
    def is_named_home(self) -> bool:
        """Whether the server's branch, which is to be merged, names the server as the home."""
        home = None if self._theirs is None else self._theirs.state.home
        return home is not None and home.server.key == self._line.home.key

    def wraps(self, wraps: Sequence[tuple[int, DeviceId, bytes]]) -> None:
        """Keep the keys of the other branch."""
        core, chain = self._line.replica.core, self._theirs
        for k, device, wrapped in wraps:
            if chain is None or not 0 < k < len(chain):
                continue
            if listed_wraps(chain, k).get(device) == wrap_hash(wrapped):
                self._wraps[k, device] = wrapped
            if device != core.device_id:
                continue
            try:
                epoch, key = open_wrap(chain, k, device, core.secrets.unwrapping_key, wrapped)
            except BillfoldError as error:
                self._line.tell(Warned(error))
            else:
                self._keys[epoch] = key

    def caught_up(self) -> None:
        """Merge, now that all there is of the other branch and its keys is here.

        Raises:
            ChainFork: the other branch's key is not here.
        """
        replica, theirs = self._line.replica, self._theirs
        if self._merge is not None:
            return
        if theirs is None:
            raise ChainFork("the server does not show the history of devices that it speaks of")
        divergence = divergence_of(theirs, replica.core.chain)
        keys = open_back_links(theirs, {**replica.core.epoch_keys, **self._keys}).keys
        if divergence is None or theirs.state.epoch.id not in keys:
            raise ChainFork("the server's branch of the membership cannot be merged from here")
        self._keys = keys
        self._merge = replica.author().merge(divergence, keys)
        message = Append(
            wallet_id=replica.wallet_id, entry=self._merge.raw, wraps=self._merge.wraps
        )
        self._line.send(message)

    def appended(self) -> bool:
        """Go on with the merge that the server has appended; False if none is on its way."""
        if self._merge is None or self._theirs is None:
            return False
        merged, wraps = self._theirs, self._merge.wraps
        merged.append(self._merge.raw)
        self._adopt(merged)
        self._line.replica.receive_wraps(wraps)
        keep_wraps(self._line.replica, wraps)
        return True

    def refused(self, ids: Sequence[EntryId]) -> None:
        """Take note of what the server refused.

        Raises:
            ChainFork: it refused the merge; another device may have been quicker.
        """
        if self._merge is not None and EntryId(membership_hash(self._merge.raw[64:])) in ids:
            raise ChainFork("the server did not take the merge of two histories; try again")

    def _decide(self, theirs: MembershipChain) -> None:
        replica = self._line.replica
        own = replica.core.chain
        if theirs.holds(own.state):
            self._adopt(theirs)
            return
        divergence = divergence_of(theirs, own)
        if divergence is None:
            raise ChainFork("the server has gone back to before two histories were merged")
        history = other_history_of(replica, divergence)
        keep_other_history(replica, history)
        finding = branches_finding(replica, divergence, self._line.home.key, self._statement)
        is_new = note(replica, finding)
        if not history.may_merge:
            raise ChainFork(
                "the server shows another history of the wallet's devices; "
                "an owner who is on both has to merge them, and where there is none the recovery "
                "words bring the wallet back"
            )
        if not is_agreed(replica, history):
            raise ChainFork(
                "the server shows another history of the wallet's devices, with entries of one "
                "that was removed; `merge` shows both, and merges them if they are right"
            )
        if is_new:
            self._line.warn(error_of_finding(finding))
        self._theirs = theirs

    def _adopt(self, chain: MembershipChain) -> None:
        """Go on with a chain of which our own is a part, and with what was not taken meanwhile."""
        replica = self._line.replica
        before = replica.state
        replica.replace_chain(chain, self._keys)
        for event in changes_between(before, replica.state, replica.core.device_id):
            self._line.tell(event)
        keep_other_history(replica, None)
        keep_wraps(replica, [(k, device, raw) for (k, device), raw in self._wraps.items()])
        self.is_apart = False
        self._raws, self._theirs, self._merge = [], None, None
        self._keys, self._wraps = {}, {}
        if self._line.is_live:
            replica.resend()
            vector = replica.vector_on_server()
            self._line.send(Compare(wallet_id=replica.wallet_id, vector=vector))


def _agrees(replica: Replica, k: int, entries: Sequence[bytes]) -> bool:
    """Whether entries are those that are here, or follow them."""
    raws = replica.core.chain.raws
    held = raws[k : k + len(entries)]
    is_next = k <= len(raws)
    return is_next and all(
        mine[64:] == theirs[64:] for mine, theirs in zip(held, entries, strict=False)
    )
