from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from billfold_protocol.errors import (
    BillfoldError,
    Malformed,
    NotAuthorised,
    UnsignedMember,
    WeakKey,
    WrongContext,
)
from billfold_protocol.ids import (
    EntryId,
    FeedId,
    HolderId,
    SigningPublicKey,
    WrappingPublicKey,
)
from billfold_protocol.membership import (
    Close,
    Create,
    DeviceKeys,
    Kind,
    MembershipChain,
    Payload,
    Role,
    Rotate,
    SetRole,
    Target,
    TargetKind,
)
from tests.support.families import HOME, Family
from tests.support.seeded_bytes import bytes_of
from tests.support.wallets import TestDevice, TestWallet


@pytest.fixture(scope="module")
def family() -> Family:
    """One for the module: nothing here is appended to it."""
    return Family()


@pytest.fixture
def fresh() -> Family:
    return Family()


def device(target: TestDevice) -> Target:
    return Target(TargetKind.DEVICE, target.id)


def test_the_first_device_owns_the_wallet() -> None:
    wallet = TestWallet("first")
    member = wallet.state.members[wallet.owner.id]
    assert (member.role, member.kind, member.sponsor) == (Role.OWNER, Kind.DEVICE, wallet.owner.id)
    assert bytes(wallet.state.hash) == bytes(wallet.chain.wallet_id)
    assert wallet.state.head == wallet.chain.wallet_id[:16]
    assert wallet.state.document == 0


def test_a_chain_loads_from_its_bytes_to_the_same_state(family: Family) -> None:
    loaded = MembershipChain.load(family.wallet.chain.raws)
    assert loaded.state == family.wallet.state
    assert [loaded.state_at(k) for k in range(len(loaded))] == [
        family.wallet.chain.state_at(k) for k in range(len(loaded))
    ]
    assert list(loaded.entries) == list(family.wallet.chain.entries)


def test_an_empty_chain_is_none() -> None:
    with pytest.raises(WrongContext):
        MembershipChain.load([])


def test_members_know_their_sponsor_place_and_holder(family: Family) -> None:
    members = family.wallet.state.members
    assert members[family.child.id].sponsor == family.editor.id
    assert members[family.child.id].holder == family.owner.holder
    assert members[family.friend.id].holder != family.owner.holder
    assert members[family.child.id].since_k == family.wallet.state.k


ALLOWED: dict[str, Callable[[Family], object]] = {
    "an owner names a home": lambda f: f.wallet.append(f.owner, HOME),
    "an owner closes": lambda f: f.wallet.append(f.owner, Close()),
    "an owner rotates": lambda f: f.wallet.rotate(),
    "an editor rotates": lambda f: f.wallet.rotate(f.editor),
    "an owner adds a recovery member": lambda f: f.wallet.link(
        TestDevice("family/new"), kind=Kind.RECOVERY
    ),
    "a recovery member links a device": lambda f: f.wallet.link(
        TestDevice("family/new"), sponsor=f.recovery
    ),
    "an owner revokes an own device": lambda f: f.wallet.revoke(f.editor),
    "an owner revokes another person's": lambda f: f.wallet.revoke(f.friend),
    "an editor revokes a device of its holder": lambda f: f.wallet.revoke(f.child, author=f.editor),
    "an owner sets a role": lambda f: f.wallet.set_role(f.editor, Role.OWNER),
    "a role may be set again": lambda f: f.wallet.set_role(f.editor, Role.EDITOR),
    "an owner revokes a holder": lambda f: f.wallet.revoke(
        Target(TargetKind.HOLDER, f.friend.holder)
    ),
    "an editor links as high as itself": lambda f: f.wallet.link(
        TestDevice("family/new"), sponsor=f.editor
    ),
    "a viewer links a viewer": lambda f: f.wallet.link(
        TestDevice("family/new"), sponsor=f.viewer, role=Role.VIEWER
    ),
    "an owner invites an owner": lambda f: f.wallet.invite(
        TestDevice("family/new"), role=Role.OWNER
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_rules_allow_is_appended(fresh: Family, name: str) -> None:
    length = len(fresh.wallet.chain)
    ALLOWED[name](fresh)
    assert len(fresh.wallet.chain) == length + 1
    assert fresh.wallet.state.members or fresh.wallet.state.is_closed


def added(family: Family, *, sponsor: TestDevice | None = None, **options: Any) -> Payload:
    """Return an addition of a stranger, changed and then accepted by its keys."""
    author = sponsor or family.owner
    stranger = TestDevice("family/stranger", holder=author.holder)
    link, _ = family.wallet.addition(stranger, sponsor=author)
    return family.wallet.accept(replace(link, **options), stranger, author)


def set_role(target: TestDevice, role: Role) -> SetRole:
    return SetRole(device=target.id, role=role, cut={})


def revoked(family: Family, target: Target, author: TestDevice) -> Payload:
    return family.wallet.removal(target, author=author)[0]


ACCEPTED = HolderId(bytes_of("family/other-holder", 16))

REFUSED: dict[str, tuple[str, Callable[[Family], Payload], type[BillfoldError]]] = {
    "an editor names a home": ("editor", lambda _: HOME, NotAuthorised),
    "an editor closes": ("editor", lambda _: Close(), NotAuthorised),
    "a viewer closes": ("viewer", lambda _: Close(), NotAuthorised),
    "a stranger closes": ("stranger", lambda _: Close(), UnsignedMember),
    "a viewer rotates": (
        "viewer",
        lambda f: Rotate(rotation=f.wallet.rotation()[0]),
        NotAuthorised,
    ),
    "an editor sets a role": ("editor", lambda f: set_role(f.child, Role.VIEWER), NotAuthorised),
    "an editor makes itself owner": (
        "editor",
        lambda f: set_role(f.editor, Role.OWNER),
        NotAuthorised,
    ),
    "a role for nobody": ("owner", lambda f: set_role(f.stranger, Role.VIEWER), NotAuthorised),
    "the only owner steps down": ("owner", lambda f: set_role(f.owner, Role.EDITOR), NotAuthorised),
    "a cut without a demotion": (
        "owner",
        lambda f: SetRole(
            device=f.editor.id, role=Role.OWNER, cut={FeedId(bytes(16)): (0, EntryId(bytes(32)))}
        ),
        NotAuthorised,
    ),
    "a cut for one who could not write": (
        "owner",
        lambda f: SetRole(
            device=f.viewer.id, role=Role.VIEWER, cut={FeedId(bytes(16)): (0, EntryId(bytes(32)))}
        ),
        NotAuthorised,
    ),
    "an editor revokes another person's": (
        "editor",
        lambda f: revoked(f, device(f.friend), f.editor),
        NotAuthorised,
    ),
    "another person revokes the owner's": (
        "friend",
        lambda f: revoked(f, device(f.editor), f.friend),
        NotAuthorised,
    ),
    "a device revokes itself": (
        "editor",
        lambda f: revoked(f, device(f.editor), f.editor),
        NotAuthorised,
    ),
    "a device revokes its own holder": (
        "editor",
        lambda f: revoked(f, Target(TargetKind.HOLDER, f.editor.holder), f.editor),
        NotAuthorised,
    ),
    "a device revokes the sponsor of itself with all it linked": (
        "child",
        lambda f: revoked(f, Target(TargetKind.DEVICE_AND_LINKED, f.editor.id), f.child),
        NotAuthorised,
    ),
    "an agent revokes": ("agent", lambda f: revoked(f, device(f.child), f.agent), NotAuthorised),
    "one device revokes a recovery member": (
        "owner",
        lambda f: revoked(f, device(f.recovery), f.owner),
        NotAuthorised,
    ),
    "the last owner is revoked": (
        "editor",
        lambda f: revoked(f, device(f.owner), f.editor),
        NotAuthorised,
    ),
    "nobody is revoked": (
        "owner",
        lambda f: revoked(f, device(f.stranger), f.owner),
        NotAuthorised,
    ),
    "a holder is named as a device": (
        "owner",
        lambda f: revoked(f, Target(TargetKind.DEVICE, f.friend.holder), f.owner),
        NotAuthorised,
    ),
    "a rotation with one wrap too few": (
        "owner",
        lambda f: Rotate(
            rotation=replace(
                f.wallet.rotation()[0], wrap_hashes=f.wallet.rotation()[0].wrap_hashes[1:]
            )
        ),
        NotAuthorised,
    ),
    "a revoke that wraps for the revoked too": (
        "owner",
        lambda f: replace(f.wallet.removal(device(f.editor))[0], rotation=f.wallet.rotation()[0]),
        NotAuthorised,
    ),
    "an agent links": ("agent", lambda f: added(f, sponsor=f.agent), NotAuthorised),
    "an agent invites": (
        "agent",
        lambda f: added(f, sponsor=f.agent, is_invite=True, holder=ACCEPTED),
        NotAuthorised,
    ),
    "an agent names a home": ("agent", lambda _: HOME, NotAuthorised),
    "an agent closes": ("agent", lambda _: Close(), NotAuthorised),
    "an agent rotates": (
        "agent",
        lambda f: Rotate(rotation=f.wallet.rotation(author=f.agent)[0]),
        NotAuthorised,
    ),
    "an agent sets a role": ("agent", lambda f: set_role(f.child, Role.VIEWER), NotAuthorised),
    "an editor adds a recovery member": (
        "editor",
        lambda f: added(f, sponsor=f.editor, kind=Kind.RECOVERY),
        NotAuthorised,
    ),
    "an owner sets the role of a recovery member": (
        "owner",
        lambda f: set_role(f.recovery, Role.VIEWER),
        NotAuthorised,
    ),
    "an editor invites": (
        "editor",
        lambda f: added(f, sponsor=f.editor, is_invite=True, holder=ACCEPTED),
        NotAuthorised,
    ),
    "an editor links an owner": (
        "editor",
        lambda f: added(f, sponsor=f.editor, role=Role.OWNER),
        NotAuthorised,
    ),
    "a viewer links an editor": (
        "viewer",
        lambda f: added(f, sponsor=f.viewer, role=Role.EDITOR),
        NotAuthorised,
    ),
    "a link under another holder": ("owner", lambda f: added(f, holder=ACCEPTED), NotAuthorised),
    "an invitation under a holder that is a member": (
        "owner",
        lambda f: added(f, is_invite=True, holder=f.friend.holder),
        NotAuthorised,
    ),
    "a device that is a member": (
        "owner",
        lambda f: f.wallet.addition(f.editor)[0],
        NotAuthorised,
    ),
    "a device that did not accept": (
        "owner",
        lambda f: replace(f.wallet.addition(own(f))[0], acceptance=bytes(64)),
        UnsignedMember,
    ),
    "an acceptance of other terms": (
        "owner",
        lambda f: replace(f.wallet.addition(own(f))[0], role=Role.OWNER),
        UnsignedMember,
    ),
    "an acceptance of another session": (
        "owner",
        lambda f: replace(f.wallet.addition(own(f))[0], session=bytes(16)),
        UnsignedMember,
    ),
    "an acceptance of another sponsor": (
        "owner",
        lambda f: f.wallet.addition(own(f), sponsor=f.editor)[0],
        UnsignedMember,
    ),
    "an acceptance for another kind": (
        "owner",
        lambda f: replace(f.wallet.addition(own(f))[0], kind=Kind.RECOVERY),
        UnsignedMember,
    ),
    "a weak signing key": (
        "owner",
        lambda f: with_keys(f, signing_key=bytes(32)),
        WeakKey,
    ),
    "a weak X25519 key": (
        "owner",
        lambda f: with_keys(f, wrapping_key=own(f).keys.wrapping[:1184] + bytes(32)),
        WeakKey,
    ),
    "a second create": (
        "owner",
        lambda f: Create(keys=f.owner.keys, holder=f.owner.holder, commitment=bytes(32)),
        Malformed,
    ),
}


def own(family: Family) -> TestDevice:
    return TestDevice("family/stranger", holder=family.owner.holder)


def with_keys(
    family: Family, *, signing_key: bytes | None = None, wrapping_key: bytes | None = None
) -> Payload:
    link = family.wallet.addition(own(family))[0]
    keys = DeviceKeys(
        SigningPublicKey(signing_key or link.keys.signing),
        WrappingPublicKey(wrapping_key or link.keys.wrapping),
    )
    return replace(link, keys=keys)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_rules_forbid_is_refused_with_its_reason(family: Family, name: str) -> None:
    author, make, error = REFUSED[name]
    assert family.refusal(getattr(family, author), make(family)) is error
