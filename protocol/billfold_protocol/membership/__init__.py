"""The membership chain: a hash-linked, signed list of who belongs to a wallet and what they may do.

`records` are the entries, `entries` their bytes, `state` is what a chain of them means and which
entry may follow, `chain` keeps a verified chain with the state at each index.

Spec: 13-membership.md
"""

from billfold_protocol.membership.chain import (
    Divergence,
    EpochLink,
    MembershipChain,
    divergence_of,
    epoch_links,
    listed_wraps,
    rotation_of,
    wrap_hash,
)
from billfold_protocol.membership.entries import (
    acceptance_parts,
    consent_parts,
    membership_hash,
    replacement_parts,
    sign_entry,
)
from billfold_protocol.membership.members import CutRecord, Epoch, Member
from billfold_protocol.membership.merging import Branches, members_after
from billfold_protocol.membership.records import (
    Close,
    Complain,
    Consent,
    Create,
    Cut,
    DeviceKeys,
    Home,
    Kind,
    Link,
    MembershipEntry,
    Merge,
    OlderLink,
    Payload,
    Replace,
    Revoke,
    Role,
    Rotate,
    Rotation,
    ServerAddress,
    SetRole,
    Target,
    TargetKind,
)
from billfold_protocol.membership.replacing import check_replacement, replacement_code
from billfold_protocol.membership.state import MembershipState

__all__ = [
    "Branches",
    "Close",
    "Complain",
    "Consent",
    "Create",
    "Cut",
    "CutRecord",
    "DeviceKeys",
    "Divergence",
    "Epoch",
    "EpochLink",
    "Home",
    "Kind",
    "Link",
    "Member",
    "MembershipChain",
    "MembershipEntry",
    "MembershipState",
    "Merge",
    "OlderLink",
    "Payload",
    "Replace",
    "Revoke",
    "Role",
    "Rotate",
    "Rotation",
    "ServerAddress",
    "SetRole",
    "Target",
    "TargetKind",
    "acceptance_parts",
    "check_replacement",
    "consent_parts",
    "divergence_of",
    "epoch_links",
    "listed_wraps",
    "members_after",
    "membership_hash",
    "replacement_code",
    "replacement_parts",
    "rotation_of",
    "sign_entry",
    "wrap_hash",
]
