"""Saying what statements of a server show: findings that are told once, with proofs if possible.

Spec: 21-sync.md
"""

from dataclasses import dataclass

from billfold.accusing_branches import BRANCHES, fork_name
from billfold.accusing_devices import equivocation_finding
from billfold.evidence import KeptAck, KeptCheckpoint
from billfold.findings import DEVICE_KINDS, Finding, error_of_finding, note
from billfold.line import Line
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Beacon, Checkpoint, Freshness, Vector, statement_hash
from billfold_protocol.ids import DeviceId, ServerKey
from billfold_protocol.proofs import (
    Equivocated,
    Forked,
    Proof,
    Proven,
    RolledBack,
    Shown,
    Stale,
    WronglyAcked,
    chain_prefix,
    check_proof,
    encode_proof,
    parse_proof,
    server_keys,
)

ROLLED_BACK = (
    "the server had lost a part of this wallet; this device gives back what it holds, and you "
    "should tell the server's operator"
)
CHAIN_ROLLED_BACK = (
    "the server showed an older list of this wallet's devices; this device keeps to the newer one "
    "and gives it back"
)
FALSE_ACK = (
    "the server signed that it stored an edit and does not have it; this device gives it back, and "
    "you should tell the server's operator"
)
STALE = (
    "the server does not show what another of your devices has seen; sync that device, and do not "
    "rely on this one being up to date until then"
)
GAP = (
    "the server does not give an entry that others build on; sync the device that made it, and it "
    "is given again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The server's newest statement on this connection."""

    checkpoint: Checkpoint
    raw: bytes
    vector: Vector | None
    """The heads that it signs, when they are known."""

    freshness: Freshness


class Accuser:
    """Tells what is wrong, and keeps it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def rollback(self, kept: KeptCheckpoint, later: Later, *, with_heads: bool) -> bool:
        """Say that two checkpoints contradict each other; False if it was said before."""
        proof = RolledBack(
            members=self._members(()),
            earlier=Shown(kept.raw, kept.vector if with_heads else None),
            later=Shown(later.raw, later.vector if with_heads else None),
            freshness=later.freshness if later.freshness.follows(kept.raw) else None,
        )
        return self._note("ServerRollback", ROLLED_BACK, kept.checkpoint, later, kept.raw, proof)

    def rollback_since_ack(self, ack: KeptAck, kept: KeptCheckpoint | None, later: Later) -> bool:
        """Say that a checkpoint contradicts an ack; False if it was said before."""
        proof = RolledBack(
            members=self._members(()),
            earlier=Shown(ack.raw),
            later=Shown(later.raw),
            freshness=later.freshness if later.freshness.follows(ack.raw) else None,
        )
        earlier = None if kept is None else kept.checkpoint
        return self._note("ServerRollback", ROLLED_BACK, earlier, later, ack.raw, proof)

    def unproven_rollback(self, kept: KeptCheckpoint | None, later: Later) -> bool:
        """Say that the server lacks what it gave or took; False if it was said before."""
        earlier = None if kept is None else kept.checkpoint
        raw = b"" if kept is None else kept.raw
        return self._note("ServerRollback", ROLLED_BACK, earlier, later, raw, None)

    def chain_rollback(self) -> bool:
        """Say that the server's chain is shorter than the one here."""
        return self.once("ChainRollback", CHAIN_ROLLED_BACK, self._line.replica.state.hash)

    def unkept_ack(self, ack: KeptAck, entry: bytes, later: Later, *, is_false: bool) -> bool:
        """Say that an acknowledged entry is not there; False if it was said before.

        Args:
            ack: names the entry.
            entry: its bytes.
            later: lacks it.
            is_false: whether that is all that is wrong; else the server has gone back.
        """
        proof = WronglyAcked(
            members=self._members((self._line.replica.core.device_id,)),
            ack=ack.raw,
            entry=entry,
            later=Shown(later.raw, later.vector),
            freshness=later.freshness if later.freshness.follows(ack.raw) else None,
        )
        if is_false:
            return self._note("FalseAck", FALSE_ACK, None, later, ack.raw, proof)
        return self._note("ServerRollback", ROLLED_BACK, None, later, ack.raw, proof)

    def stale(self, raw: bytes, beacon: Beacon, later: Later, about: bytes) -> bool:
        """Say that the server does not hold what a device had seen; False if it was said before.

        Where the device's beacon carries the server's own word for it, that proves a rollback.
        """
        shown = self._server_of(beacon)
        if shown is not None and beacon.checkpoint is not None:
            rolled_back = RolledBack(
                members=self._members(()),
                earlier=Shown(beacon.checkpoint, beacon.vector),
                later=Shown(later.raw, later.vector),
                freshness=later.freshness if later.freshness.follows(beacon.checkpoint) else None,
            )
            return self._tell_seen(shown, later, about, rolled_back)
        proof = None
        if later.freshness.follows(raw):
            proof = Stale(
                members=self._members((beacon.device,)),
                beacon=raw,
                later=Shown(later.raw, later.vector),
                freshness=later.freshness,
            )
        return self.once("StaleServer", STALE, about, proof)

    def _tell_seen(self, shown: Checkpoint, later: Later, about: bytes, proof: RolledBack) -> bool:
        """Say that the server contradicts what it told another device, as one event with that."""
        raw = encode_proof(proof)
        try:
            check_proof(raw)
        except BillfoldError:
            return self.once("StaleServer", STALE, about)
        times = (shown.time_s, later.checkpoint.time_s)
        return self._tell(
            Finding(
                kind="ServerRollback",
                text=ROLLED_BACK,
                found_s=self._now_s,
                about=self._key,
                from_s=min(times),
                to_s=max(times),
                earlier=about,
                is_heard=True,
                proof=raw,
            )
        )

    def heard(self, proof: bytes) -> bool:
        """Take another device's proof of anything; False if it tells nothing new."""
        replica = self._line.replica
        try:
            proven = check_proof(proof, wallet_id=replica.wallet_id)
        except BillfoldError:
            return False
        if proven.kind in DEVICE_KINDS:
            return self._heard_of_devices(proven, proof)
        texts = {"ServerRollback": ROLLED_BACK, "FalseAck": FALSE_ACK}
        server = proven.server
        if proven.kind not in texts or server not in server_keys(replica.core.chain):
            return False
        assert server is not None
        to_s = proven.to_s or 0
        from_s = 0 if proven.from_s is None else proven.from_s
        return self._tell(
            Finding(
                kind=proven.kind,
                text=texts[proven.kind],
                found_s=self._now_s,
                about=server,
                from_s=min(from_s, to_s),
                to_s=max(from_s, to_s),
                is_heard=True,
                proof=proof,
            )
        )

    def _heard_of_devices(self, proven: Proven, proof: bytes) -> bool:
        """Take a proof against a device, or of two branches that somebody may not have signed."""
        core, parsed = self._line.replica.core, parse_proof(proof)
        is_fault = proven.server in server_keys(core.chain) or len(proven.devices) == 1
        if isinstance(parsed, Forked) and is_fault:
            return self.once("ChainFork", BRANCHES, fork_name(parsed), parsed)
        if not isinstance(parsed, Equivocated):
            return False
        finding = equivocation_finding(parsed.device, found_s=self._now_s, proof=proof)
        if parsed.device in core.succession.copied:
            # That it has a copy is told already.
            return note(self._line.replica, finding)
        return self._tell(finding)

    def once(self, kind: str, text: str, about: bytes, proof: Proof | None = None) -> bool:
        """Say something once for whatever it is about; False if it was said before."""
        raw = None if proof is None else encode_proof(proof)
        finding = Finding(kind=kind, text=text, found_s=self._now_s, about=about, proof=raw)
        return self._tell(finding)

    @property
    def _key(self) -> ServerKey:
        return self._line.home.key

    @property
    def _now_s(self) -> int:
        return max(0, self._line.replica.core.now_ms() // 1000)

    def _members(self, devices: tuple[DeviceId, ...]) -> tuple[bytes, ...]:
        chain = self._line.replica.core.chain
        return chain_prefix(chain, server=self._key, devices=devices)

    def _server_of(self, beacon: Beacon) -> Checkpoint | None:
        """Return the checkpoint in a beacon, if this server signed it of the beacon's heads."""
        if beacon.checkpoint is None:
            return None
        try:
            shown = Checkpoint.verify(beacon.checkpoint, self._key, beacon.wallet_id)
        except BillfoldError:
            return None
        return shown

    def _note(
        self,
        kind: str,
        text: str,
        earlier: Checkpoint | None,
        later: Later,
        earlier_raw: bytes,
        proof: Proof | None,
    ) -> bool:
        to_s = later.checkpoint.time_s
        from_s = 0 if earlier is None else earlier.time_s
        return self._tell(
            Finding(
                kind=kind,
                text=text,
                found_s=self._now_s,
                about=self._key,
                from_s=min(from_s, to_s),
                to_s=max(from_s, to_s),
                earlier=statement_hash(earlier_raw),
                proof=None if proof is None else encode_proof(proof),
            )
        )

    def _tell(self, finding: Finding) -> bool:
        is_new = note(self._line.replica, finding)
        if is_new:
            self._line.warn(error_of_finding(finding))
        return is_new
