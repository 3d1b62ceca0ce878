"""What this device has found against its server or against a device: told once, kept with proof.

A finding is one event. It is told when it is found, not on every connection; and what another
device has found, and proven, is told here too unless it is the same event.

Spec: 21-sync.md
"""

from dataclasses import dataclass, field
from typing import Protocol

from billfold_protocol import codec, errors, limits
from billfold_protocol.errors import BillfoldError, Malformed, VerificationError
from billfold_protocol.feed import statement_hash

FINDINGS_KEY = "findings"
PROOF_KEY = "proof:"
SERVER_KINDS = frozenset({"ServerRollback", "FalseAck"})
DEVICE_KINDS = frozenset({"Equivocation", "ChainFork"})
"""The kinds that devices tell each other, with the proof."""

FINDINGS_COUNT_MAX = 32
PROOFS_SIZE_MAX = 4 * 1024 * 1024
"""Bytes of the proofs that are kept together, the newest; a single larger one is not kept."""


class Names(Protocol):
    """Where findings are kept: a replica, or its named values."""

    def meta(self, key: str) -> bytes | None:
        """Return a named value, or None."""

    def put_meta(self, key: str, value: bytes | None) -> None:
        """Note a named value for the store, or with None its removal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong that this device has found, or another one has proven to it."""

    kind: str
    """The name of the error, such as `ServerRollback`."""

    text: str
    """What happened and what to do, as it was told."""

    found_s: int
    """When it was found, by this device's clock, in seconds since 1970."""

    about: bytes
    """What it is about: a server's key, or whatever tells this event from others of its kind."""

    from_s: int = 0
    to_s: int = 0
    """Between which times of the server's clock it happened, where that is known."""

    earlier: bytes = b""
    """The hash of the evidence by which this device found it; empty if it did not."""

    is_heard: bool = False
    """Whether another device found it."""

    proof: bytes | None = field(default=None, repr=False)
    """A file that proves it to others, if it can be proven."""


def read_findings(names: Names) -> list[Finding]:
    """Return what was found, the oldest first; what is damaged is left out."""
    data = names.meta(FINDINGS_KEY)
    if data is None:
        return []
    try:
        items = codec.as_list(
            codec.decode(data, size_max=FINDINGS_COUNT_MAX * 2048), count_max=FINDINGS_COUNT_MAX
        )
        return [_parse(names, item) for item in items]
    except Malformed:
        return []


def note(names: Names, finding: Finding) -> bool:
    """Keep a finding; False if it is the same event as one that was told before."""
    known = read_findings(names)
    if any(_is_same(finding, other) for other in known):
        return False
    kept = [*known, finding][-FINDINGS_COUNT_MAX:]
    size = 0
    with_proof: set[str] = set()
    for item in reversed(kept):
        if item.proof is None or size + len(item.proof) > PROOFS_SIZE_MAX:
            continue
        size += len(item.proof)
        with_proof.add(_proof_key(item.proof))
        if item is finding:
            names.put_meta(_proof_key(item.proof), item.proof)
    for item in known:
        if item.proof is not None and _proof_key(item.proof) not in with_proof:
            names.put_meta(_proof_key(item.proof), None)
    names.put_meta(FINDINGS_KEY, codec.encode([_fields(item) for item in kept]))
    return True


def carried_proofs(names: Names, *, passing_over: bytes) -> tuple[bytes, ...]:
    """Return the proofs that other devices should see, the most needed last.

    Args:
        names: where they are kept.
        passing_over: a device of which nobody is told that it wrote one place twice.
    """
    found = [finding for finding in read_findings(names) if finding.proof is not None]
    servers = [finding.proof for finding in found if finding.kind in SERVER_KINDS]
    devices = [
        finding.proof
        for finding in found
        if finding.kind in DEVICE_KINDS and finding.about != passing_over
    ]
    ordered = [*servers[:-1], *devices[-1:], *servers[-1:]]
    return tuple(proof for proof in ordered if proof is not None)


def error_of_finding(finding: Finding) -> BillfoldError:
    """Return a finding as the error that it is."""
    kind = getattr(errors, finding.kind, VerificationError)
    error: BillfoldError = kind(finding.text)
    return error


def _is_same(new: Finding, old: Finding) -> bool:
    if (new.kind, new.about) != (old.kind, old.about):
        return False
    if new.to_s == 0 or old.to_s == 0:
        return True
    # The same evidence shows the same event; once it was renewed, what it shows is new.
    if (new.earlier and new.earlier == old.earlier) or not (new.is_heard or old.is_heard):
        return new.earlier == old.earlier
    return new.from_s <= old.to_s and old.from_s <= new.to_s


def _proof_key(proof: bytes) -> str:
    return PROOF_KEY + statement_hash(proof).hex()


def _fields(finding: Finding) -> list[object]:
    return [
        finding.kind,
        finding.text,
        finding.found_s,
        finding.about,
        finding.from_s,
        finding.to_s,
        finding.earlier,
        finding.is_heard,
        None if finding.proof is None else _proof_key(finding.proof),
    ]


def _parse(names: Names, value: object) -> Finding:
    kind, text, found_s, about, from_s, to_s, earlier, heard, proof = codec.as_array(value, 9)
    return Finding(
        kind=codec.as_text(kind),
        text=codec.as_text(text, size_max=2 * limits.TEXT_SIZE_MAX),
        found_s=codec.as_integer(found_s),
        about=codec.as_bytes(about, size_max=64),
        from_s=codec.as_integer(from_s),
        to_s=codec.as_integer(to_s),
        earlier=codec.as_bytes(earlier, size_max=32),
        is_heard=codec.as_flag(heard),
        proof=None if proof is None else names.meta(codec.as_text(proof)),
    )
