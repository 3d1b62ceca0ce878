"""The membership chain: a hash-linked, signed list of who belongs to a wallet and what they may do.

`records` are the entries, `entries` their bytes, `state` is what a chain of them means and which
entry may follow, `chain` keeps a verified chain with the state at each index.

Spec: 13-membership.md
"""

from billfold_protocol.membership.chain import MembershipChain, listed_wraps, rotation_of, wrap_hash
from billfold_protocol.membership.entries import acceptance_parts, membership_hash, sign_entry
from billfold_protocol.membership.records import (
    Close,
    Create,
    Cut,
    DeviceKeys,
    Home,
    Kind,
    Link,
    MembershipEntry,
    Payload,
    Revoke,
    Role,
    Rotate,
    Rotation,
    ServerAddress,
    SetRole,
    Target,
    TargetKind,
)
from billfold_protocol.membership.state import CutRecord, Epoch, Member, MembershipState

__all__ = [
    "Close",
    "Create",
    "Cut",
    "CutRecord",
    "DeviceKeys",
    "Epoch",
    "Home",
    "Kind",
    "Link",
    "Member",
    "MembershipChain",
    "MembershipEntry",
    "MembershipState",
    "Payload",
    "Revoke",
    "Role",
    "Rotate",
    "Rotation",
    "ServerAddress",
    "SetRole",
    "Target",
    "TargetKind",
    "acceptance_parts",
    "listed_wraps",
    "membership_hash",
    "rotation_of",
    "sign_entry",
    "wrap_hash",
]
