"""Vectors of `link` and `invite`: what a new member signs, which keys it has, how many there are.

Spec: 13-membership.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.ids import HolderId, SigningPublicKey, WalletId, WrappingPublicKey
from billfold_protocol.membership import DeviceKeys, Kind, Link, Payload, Role
from specs.vectors import story
from specs.vectors.cases_signing import forge_for_the_neutral_point
from specs.vectors.wallets import (
    Device,
    Vector,
    Wallet,
    accepted,
    create_wallet,
    flip,
    make_device,
    secret,
)

_LAPTOP, _PHONE, _WORDS = story.LAPTOP, story.PHONE, story.WORDS

Case = tuple[str, Device, Payload, str]
"""Name, author, payload and comment of an entry that its author has no right to."""


def build(wallet: Wallet) -> list[Vector]:
    """Return the refusals that are about new members, and a wallet that has too many."""
    return [*_acceptances(wallet), *_weak_keys(wallet), _crowd()]


def _acceptances(wallet: Wallet) -> Iterable[Vector]:
    at = story.until(wallet, 2)
    link = at.link(_LAPTOP, _PHONE)

    def signed(terms: Link) -> Link:
        return accepted(terms, at.id, _LAPTOP, _PHONE)

    for name, changed, comment in (
        ("flipped", replace(link, acceptance=flip(link.acceptance, 9)), "one bit of it"),
        ("by-sponsor", accepted(link, at.id, _LAPTOP, _LAPTOP), "the sponsor's, not its own"),
        ("other-sponsor", accepted(link, at.id, _WORDS, _PHONE), "made for another sponsor"),
        (
            "other-wallet",
            accepted(link, WalletId(secret("elsewhere")), _LAPTOP, _PHONE),
            "made for another wallet",
        ),
        (
            "other-role",
            replace(signed(replace(link, role=Role.VIEWER)), role=Role.OWNER),
            "made for the role of a viewer",
        ),
        (
            "other-kind",
            replace(signed(replace(link, kind=Kind.AGENT)), kind=Kind.DEVICE),
            "made as an agent",
        ),
        (
            "other-session",
            replace(link, session=secret("another session", 16)),
            "made in another linking session",
        ),
        (
            "other-holder",
            replace(
                signed(replace(link, holder=HolderId(secret("holder eve", 16)))),
                holder=_LAPTOP.holder,
            ),
            "made for another person",
        ),
        (
            "other-act",
            replace(signed(replace(link, is_invite=True)), is_invite=False),
            "made for an invitation",
        ),
    ):
        raw = at.signed(_LAPTOP, changed)
        yield story.refusal(f"acceptance-{name}", 2, raw, "UnsignedMember", comment)


def links_without_right(at: Wallet) -> Iterable[Case]:
    """Return links that the sponsor has no right to, in the wallet before anybody has left."""
    new, eve = make_device("new", "ada"), make_device("new", "eve")
    new_ben = make_device("new", "ben")
    words = at.link(story.BEN_PHONE, new_ben, role=Role.EDITOR, kind=Kind.RECOVERY)
    yield "link-recovery-by-editor", story.BEN_PHONE, words, "only an owner adds a recovery member"
    words = at.link(_LAPTOP, eve, kind=Kind.RECOVERY, is_invite=True)
    yield "invite-recovery", _LAPTOP, words, "a recovery member is of its sponsor's holder"
    for name, sponsor, device, role, is_invite, comment in (
        ("invite-by-editor", story.BEN_PHONE, eve, Role.VIEWER, True, "only an owner invites"),
        ("invite-own", _LAPTOP, new, Role.EDITOR, True, "the holder is a member: it is a link"),
        ("invite-other", _LAPTOP, new_ben, Role.EDITOR, True, "the holder is a member already"),
        ("link-for-other", _LAPTOP, new_ben, Role.EDITOR, False, "for another holder"),
        ("link-for-nobody", _LAPTOP, eve, Role.EDITOR, False, "for a holder without devices"),
        ("link-above", story.BEN_PHONE, new_ben, Role.OWNER, False, "a role above the sponsor's"),
        (
            "link-above-viewer",
            story.BEN_TABLET,
            new_ben,
            Role.EDITOR,
            False,
            "by a viewer",
        ),
        ("link-member", _LAPTOP, _PHONE, Role.OWNER, False, "the device is a member already"),
        ("link-by-agent", story.HELPER, new, Role.VIEWER, False, "an agent adds nobody"),
        ("invite-by-agent", story.HELPER, eve, Role.VIEWER, True, "an agent invites nobody"),
    ):
        yield name, sponsor, at.link(sponsor, device, role=role, is_invite=is_invite), comment


def _weak_keys(wallet: Wallet) -> Iterable[Vector]:
    at = story.until(wallet, 2)
    link = at.link(_LAPTOP, _PHONE)
    good = link.keys
    neutral = SigningPublicKey(b"\1" + bytes(31))
    for name, keys, comment in (
        ("signing", DeviceKeys(neutral, good.wrapping), "small order, its acceptance holds"),
        (
            "x25519",
            DeviceKeys(good.signing, WrappingPublicKey(good.wrapping[:1184] + bytes(32))),
            "its X25519 half is zero",
        ),
        (
            "ml-kem",
            DeviceKeys(good.signing, WrappingPublicKey(b"\xff" * 1152 + good.wrapping[1152:])),
            "its ML-KEM half is not reduced",
        ),
    ):
        weak = accepted(replace(link, keys=keys), at.id, _LAPTOP, _PHONE)
        if keys.signing == neutral:
            weak = replace(weak, acceptance=forge_for_the_neutral_point())
        yield story.refusal(f"link-weak-{name}", 2, at.signed(_LAPTOP, weak), "WeakKey", comment)


def _crowd() -> Vector:
    """Fill a wallet with members by rule: as bytes this one vector would be larger than all."""
    first = make_device("crowd 0", "crowd")
    wallet = create_wallet("crowd", first)
    for index in range(1, 256):
        wallet.add(first, wallet.link(first, make_device(f"crowd {index}", "crowd")))
    return {
        "id": "too-many-members",
        "comment": "the rule in README.md makes 256 members, and then one more",
        "crowd": 256,
        "hash": wallet.state.hash.hex(),
        "expect": "LimitExceeded",
    }
