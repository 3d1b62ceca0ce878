"""Saying that a device signed two entries for one place of its feed: told once, with a proof.

One finding for each device is enough to settle what it did; so a member that lies cannot crowd out
what was found against others.

Spec: 15-feeds.md
"""

from billfold.core import Core, EntryReader
from billfold.events import Warned
from billfold.findings import Finding, error_of_finding, note
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import WrongContext
from billfold_protocol.feed import Entry, Opening, verify_entry
from billfold_protocol.ids import DeviceId
from billfold_protocol.proofs import Equivocated, chain_prefix, encode_proof


def equivocation_finding(device: DeviceId, *, found_s: int, proof: bytes | None) -> Finding:
    """Return what is told of a device that wrote one place of its feed twice.

    Args:
        device: the device.
        found_s: when that was found, in seconds since 1970.
        proof: a file that proves it, if there is one.
    """
    return Finding(
        kind="Equivocation",
        text=f"the device {device.hex()[:8]} wrote two entries at one place of its feed: a copy of "
        "it is in use, or its program lies; revoke the device, which settles what stands",
        found_s=found_s,
        about=device,
        proof=proof,
    )


def tell_equivocation(core: Core, left: Verified[Entry], right: Verified[Entry]) -> None:
    """Keep that a device signed two entries for one place, and tell the person if it is new."""
    finding = note_equivocation(core, left, right)
    if finding is not None:
        core.tell(Warned(error_of_finding(finding)))


def note_equivocation(core: Core, left: Verified[Entry], right: Verified[Entry]) -> Finding | None:
    """Keep that a device signed two entries for one place; None if that was kept before."""
    feed = left.value.feed
    openings = [core.succession.openings.get(feed), left.value.prev, right.value.prev]
    opening = next((one for one in openings if isinstance(one, Opening)), None)
    device = core.graph.device_of(feed) if opening is None else opening.device
    if device is None:
        return None
    proof = None if opening is None else _proof(core, opening, left, right)
    found_s = max(0, core.now_ms() // 1000)
    finding = equivocation_finding(device, found_s=found_s, proof=proof)
    return finding if note(core.names, finding) else None


def note_alien(core: Core, alien: Verified[Entry]) -> None:
    """Keep the proof that a copy of this device took the place of an own entry, if it did.

    That there is a copy is told in another way, and shown on every device.
    """
    read = EntryReader(core.store, core.journal, core.wallet_id)
    for end in core.graph.ends_of(alien.value.feed):
        for dep in core.graph.branch(end, alien.value.seq)[:1]:
            own = verify_entry(read(dep), core.wallet_id, core.secrets.keys.signing)
            note_equivocation(core, own, alien)


def _proof(
    core: Core, opening: Opening, left: Verified[Entry], right: Verified[Entry]
) -> bytes | None:
    try:
        members = chain_prefix(core.chain, devices=(opening.device,))
    except WrongContext:
        # It was a member on a branch that a merge carries, and nowhere else.
        return None
    first, second = sorted((left, right), key=lambda entry: entry.value.id)
    return encode_proof(
        Equivocated(
            members=members,
            device=opening.device,
            salt=opening.salt,
            left=first.raw,
            right=second.raw,
        )
    )
