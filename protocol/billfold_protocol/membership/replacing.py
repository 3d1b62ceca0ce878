"""`replace`: a device goes on with new keys, because somebody may hold a copy of the old ones.

It takes three words: of the old keys, of the new ones, and of another member, who makes the entry
and its epoch. Whoever has nothing but a copy of the device has one of the three.

Spec: 13-membership.md
"""

import base64
from dataclasses import replace

from billfold_protocol.crypto import enrolment, hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, NotAuthorised, UnsignedMember
from billfold_protocol.ids import DeviceId, WalletId
from billfold_protocol.membership.entries import replacement_parts
from billfold_protocol.membership.members import CutRecord, Member
from billfold_protocol.membership.records import DeviceKeys, Kind, Replace, Role
from billfold_protocol.membership.state import MembershipState, begin_epoch

_CODE_SIZE = 10
"""Bytes of the hash in a code: nobody finds other keys with the same one."""


def replacement_code(wallet_id: WalletId, device: DeviceId, keys: DeviceKeys) -> str:
    """Return 16 letters and digits by which a person tells the new keys they asked for."""
    parts = replacement_parts(wallet_id, device, keys)
    digest = hashing.digest(Domain.REPLACEMENT_CODE, *parts)
    return base64.b32encode(digest[:_CODE_SIZE]).decode()


def check_replacement(state: MembershipState, author: DeviceId, device: DeviceId) -> Member:
    """Return the device that may be given new keys by a member's word.

    Raises:
        NotAuthorised: it may not, or not by this one.
    """
    maker, old = state.members.get(author), state.members.get(device)
    if old is None or old.kind is not Kind.DEVICE:
        raise NotAuthorised("what is to get new keys is no device of this wallet")
    if maker is None or maker.kind is Kind.AGENT or author == device:
        raise NotAuthorised("another device, or the recovery words, must confirm new keys")
    if maker.role is not Role.OWNER and maker.holder != old.holder:
        raise NotAuthorised("only an owner may confirm new keys of another person's device")
    return old


def replaced_state(
    state: MembershipState, author: Member, moved: MembershipState, payload: Replace
) -> MembershipState:
    """Return the state after a `replace` whose place and signature have been checked.

    Args:
        state: before the entry.
        author: who made it.
        moved: the state before with the entry's `k` and hash.
        payload: what it says.

    Raises:
        NotAuthorised: its author may not, or its epoch is not wrapped for each member.
        UnsignedMember: the old or the new keys did not sign.
        WeakKey: a new key is not valid.
    """
    old, device = check_replacement(state, author.device, payload.device), payload.keys.device_id
    if device in state.sponsors:
        raise NotAuthorised("these keys have belonged to the wallet before; draw new ones")
    enrolment.check_signing_key(payload.keys.signing)
    enrolment.check_wrapping_key(payload.keys.wrapping)
    parts = replacement_parts(state.wallet_id, old.device, payload.keys)
    for key, signature, domain in (
        (payload.keys.signing, payload.acceptance, Domain.REPLACEMENT_ACCEPTANCE),
        (old.keys.signing, payload.request, Domain.REPLACEMENT_REQUEST),
    ):
        try:
            signing.check_signature(key, signature, domain, *parts)
        except AuthFailed as error:
            raise UnsignedMember("the device did not ask for these new keys") from error
    member = replace(old, device=device, keys=payload.keys, sponsor=author.device, since_k=moved.k)
    members = {one: kept for one, kept in state.members.items() if one != old.device}
    cut = CutRecord(k=moved.k, entry=moved.hash, device=old.device, heads=payload.cut)
    changed = replace(
        moved,
        members={**members, device: member},
        removed={**state.removed, old.device: moved.k},
        sponsors={**state.sponsors, device: author.device},
        cuts=(*state.cuts, cut),
    )
    return begin_epoch(changed, payload.rotation)
