"""Vectors of the membership chain: one that is accepted, and entries that may not follow it.

Spec: 13-membership.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.ids import DeviceId, SigningPublicKey, WrappingPublicKey
from billfold_protocol.membership import (
    Close,
    Create,
    DeviceKeys,
    Home,
    Kind,
    Revoke,
    Role,
    Rotate,
    SetRole,
    Target,
    TargetKind,
    sign_entry,
)
from specs.vectors import (
    cases_complaints,
    cases_consents,
    cases_links,
    cases_merging,
    cases_replacing,
    story,
)
from specs.vectors.cases_links import Case, links_without_right
from specs.vectors.cases_signing import forge_for_the_neutral_point
from specs.vectors.wallets import (
    KeptWraps,
    Vector,
    Wallet,
    create_entry,
    create_wallet,
    flip,
    other_hash,
    secret,
)

_LAPTOP, _PHONE, _WORDS = story.LAPTOP, story.PHONE, story.WORDS
_BEN_PHONE, _BEN_TABLET, _HELPER = story.BEN_PHONE, story.BEN_TABLET, story.HELPER
_ALL_JOINED = 7
"""Length of the story's chain when nobody has left it."""


def build_chains(kept: KeptWraps) -> dict[str, Wallet]:
    """Return the wallets whose chains the vectors name."""
    return {
        "story": story.tell(kept),
        "pair": _pair(),
        "helped": _helped(),
        "hidden": story.tell_of_the_hidden(),
        "agreed": cases_consents.tell(),
        "replaced": cases_replacing.tell(),
        "healed": cases_complaints.tell(),
        "parted": cases_merging.tell(),
        "voided": cases_merging.tell_of_the_voided(),
    }


def _pair() -> Wallet:
    """Make a wallet of one owner and an editor, who are one person's."""
    wallet = create_wallet("pair", _LAPTOP)
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _PHONE, role=Role.EDITOR))
    return wallet


def _helped() -> Wallet:
    """Make a wallet of one owner and an agent that is called an owner too."""
    wallet = create_wallet("helped", _LAPTOP)
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _HELPER, kind=Kind.AGENT))
    return wallet


def build(wallet: Wallet) -> list[Vector]:
    """Return the vectors of `membership.json` that are about rules; see `cases_shapes` too."""
    pair = _pair()
    lonely = pair.signed(_PHONE, pair.revocation(_PHONE, Target(TargetKind.DEVICE, _LAPTOP.id), {}))
    no_owner_left = story.refusal(
        *("revoke-last-owner", 2, lonely, "NotAuthorised", "no owner would be left")
    )
    return [
        *_accepted(wallet),
        *_beginnings(),
        *_places(wallet),
        *_forks(wallet),
        *_signatures(wallet),
        *_not_authorised(wallet),
        {**no_owner_left, "chain": "pair"},
        _agent_left(),
        *_endings(wallet),
        *cases_links.build(wallet),
        *cases_merging.build(),
        *cases_consents.build(),
        *cases_replacing.build(),
        *cases_complaints.build(),
    ]


def _agent_left() -> Vector:
    raw = _helped().signed(_LAPTOP, SetRole(device=_LAPTOP.id, role=Role.EDITOR, cut={}))
    comment = "an agent would be the only owner, and may do nothing"
    return {
        **story.refusal("role-last-but-an-agent", 2, raw, "NotAuthorised", comment),
        "chain": "helped",
    }


def _accepted(wallet: Wallet) -> Iterable[Vector]:
    yield {
        "id": "story",
        "comment": "a chain with every kind of entry; `states` holds the state after each",
        "chain": "story",
        "wallet_id": wallet.id.hex(),
        "expect": "ok",
        "states": [story.describe_state(wallet, k) for k in range(len(wallet.chain))],
    }
    hidden = story.tell_of_the_hidden()
    yield {
        "id": "hidden",
        "comment": "nobody hides behind a removed device: the last entry names whom it brought in",
        "chain": "hidden",
        "wallet_id": hidden.id.hex(),
        "expect": "ok",
        "states": [story.describe_state(hidden, k) for k in range(len(hidden.chain))],
    }
    held = wallet.chain.raws[3]
    yield story.refusal("held-already", 6, held, "ok", "an entry that is held is taken as known")
    resigned = flip(held, 0)
    yield story.refusal("held-other-signature", 6, resigned, "ok", "its signed bytes are held")


def _beginnings() -> Iterable[Vector]:
    entry = create_entry("begin", _LAPTOP)
    payload = entry.payload
    assert isinstance(payload, Create)
    raw = sign_entry(entry, _LAPTOP.signing).raw
    forged = sign_entry(entry, _PHONE.signing).raw
    bound = _LAPTOP.signing.sign(Domain.MEMBERSHIP_SIGNATURE, bytes(32), raw[64:]) + raw[64:]
    neutral = DeviceKeys(
        SigningPublicKey(b"\1" + bytes(31)), WrappingPublicKey(payload.keys.wrapping)
    )
    weak = replace(entry, author=neutral.device_id, payload=replace(payload, keys=neutral))
    weak_raw = forge_for_the_neutral_point() + sign_entry(weak, _LAPTOP.signing).raw[64:]
    halved = DeviceKeys(
        payload.keys.signing, WrappingPublicKey(payload.keys.wrapping[:1184] + bytes(32))
    )
    half = replace(entry, author=halved.device_id, payload=replace(payload, keys=halved))
    other = replace(entry, author=_PHONE.id)
    for name, data, expect, comment in (
        ("good", raw, "ok", "a wallet of one device"),
        ("other-signer", forged, "AuthFailed", "not signed by the device it names"),
        ("bound-to-a-wallet", bound, "AuthFailed", "signed with a wallet id; `create` has none"),
        ("weak-signing-key", weak_raw, "WeakKey", "small order, with a signature that holds"),
        (
            "weak-wrapping-key",
            sign_entry(half, _LAPTOP.signing).raw,
            "WeakKey",
            "its X25519 half is zero",
        ),
        (
            "other-author",
            sign_entry(other, _LAPTOP.signing).raw,
            "WrongContext",
            "the author is not the device that the keys belong to",
        ),
    ):
        yield {**story.refusal(f"create-{name}", 0, data, expect, comment), "chain": None}


def _places(wallet: Wallet) -> Iterable[Vector]:
    at = story.until(wallet, 3)
    home = Home(server=story.server("two"))
    other = create_wallet("other", _LAPTOP)
    for name, raw, comment in (
        ("later-entry", wallet.chain.raws[4], "the entry after the next one"),
        ("k-too-large", at.signed(_LAPTOP, home, k=4), "its index leaves one out"),
        (
            "other-previous",
            at.signed(_LAPTOP, home, previous=other_hash("previous")),
            "it names another entry before it",
        ),
        (
            "previous-of-previous",
            at.signed(_LAPTOP, home, previous=at.chain.state_at(1).hash),
            "it names the entry before the one before it",
        ),
        (
            "other-wallet",
            at.signed(_LAPTOP, home, wallet_id=other.id),
            "made for another wallet of the same device",
        ),
    ):
        yield story.refusal(f"place-{name}", 3, raw, "WrongContext", comment)
    first = {**story.refusal("begin-with-home", 0, wallet.chain.raws[1], "", ""), "chain": None}
    yield {
        **first,
        "comment": "a chain begins with `create`",
        "expect": "WrongContext",
    }


def _forks(wallet: Wallet) -> Iterable[Vector]:
    home = Home(server=story.server("two"))
    at = story.until(wallet, 1)
    other = create_wallet("other", _LAPTOP)
    others = other.signed(_LAPTOP, home)
    fork = at.signed(_LAPTOP, home)
    for name, raw, expect, comment in (
        ("proof", fork, "ChainFork", "a second entry after `create`, signed by an owner"),
        ("forged", flip(fork, 0), "AuthFailed", "a second entry that its author did not sign"),
        ("stranger", at.signed(story.STRANGER, home), "UnsignedMember", "by one who is unknown"),
        ("other-create", other.chain.raws[0], "WrongContext", "another wallet's `create`"),
        ("other-entry", others, "WrongContext", "another wallet's entry of the same index"),
    ):
        yield story.refusal(f"fork-{name}", 3, raw, expect, comment)


def _signatures(wallet: Wallet) -> Iterable[Vector]:
    at = story.until(wallet, 3)
    home = Home(server=story.server("two"))
    good = at.signed(_LAPTOP, home)
    body = good[64:]
    later = at.signed(_LAPTOP, home, time_s=1)[64:]
    other_label = _LAPTOP.signing.sign(Domain.ENTRY_SIGNATURE, at.id, body) + body
    unbound = _LAPTOP.signing.sign(Domain.MEMBERSHIP_SIGNATURE, b"", body) + body
    other_owner = _PHONE.signing.sign(Domain.MEMBERSHIP_SIGNATURE, at.id, body) + body
    for name, raw, comment in (
        ("flipped", flip(good, 300), "one bit of the signature"),
        ("other-member", other_owner, "signed by another owner than the author it names"),
        ("other-label", other_label, "made under the label of feed entries"),
        ("without-wallet", unbound, "made without the wallet id"),
        ("changed-after", good[:64] + later, "the time was changed after signing"),
    ):
        yield story.refusal(f"signature-{name}", 3, raw, "AuthFailed", comment)
    for name, length, author, comment in (
        ("stranger", 3, story.STRANGER, "the author never was a member"),
        ("revoked", 12, _HELPER, "the author was revoked by the entry before"),
        ("not-yet", 2, _PHONE, "the author joins with a later entry"),
    ):
        raw = story.until(wallet, length).signed(author, home)
        yield story.refusal(f"author-{name}", length, raw, "UnsignedMember", comment)


def _not_authorised(wallet: Wallet) -> Iterable[Vector]:
    at = story.until(wallet, _ALL_JOINED)
    for name, author, payload, comment in (
        *_of_rights(at),
        *links_without_right(at),
        *_of_revokes(at),
    ):
        raw = at.signed(author, payload)
        yield story.refusal(name, _ALL_JOINED, raw, "NotAuthorised", comment)
    later = story.until(wallet, 12)
    again = later.signed(_PHONE, later.link(_PHONE, _HELPER, role=Role.EDITOR))
    yield story.refusal("link-revoked", 12, again, "NotAuthorised", "the device was revoked before")
    twice = later.signed(
        _PHONE, later.revocation(_PHONE, Target(TargetKind.DEVICE, _HELPER.id), {})
    )
    yield story.refusal("revoke-twice", 12, twice, "NotAuthorised", "the target is gone already")


def _of_rights(at: Wallet) -> Iterable[Case]:
    home, rotation = Home(server=story.server("two")), at.rotation(_LAPTOP, at.state.members)
    short = replace(rotation, wrap_hashes=rotation.wrap_hashes[:-1])
    long = replace(rotation, wrap_hashes=(*rotation.wrap_hashes, bytes(32)))
    yield "home-by-agent", _HELPER, home, "an agent makes no membership entry"
    yield "close-by-agent", _HELPER, Close(), "an agent makes no membership entry"
    by_helper = at.rotation(_HELPER, at.state.members)
    yield "rotate-by-agent", _HELPER, Rotate(rotation=by_helper), "an agent makes no such entry"
    cut = story.cut_of(_BEN_PHONE)
    nobody = DeviceId(secret("nobody", 16))
    yield "home-by-editor", _BEN_PHONE, home, "only an owner names the home"
    yield "home-by-viewer", _BEN_TABLET, home, "only an owner names the home"
    yield "close-by-editor", _BEN_PHONE, Close(), "only an owner ends the wallet"
    yield "rotate-by-viewer", _BEN_TABLET, Rotate(rotation=rotation), "a viewer may not write"
    yield "rotate-without-one", _LAPTOP, Rotate(rotation=short), "a member gets no wrap"
    yield "rotate-with-one-more", _LAPTOP, Rotate(rotation=long), "somebody else gets a wrap"
    for name, author, device, role, heads, comment in (
        ("by-editor", _BEN_PHONE, _BEN_TABLET.id, Role.EDITOR, {}, "only an owner sets roles"),
        ("of-itself", _BEN_PHONE, _BEN_PHONE.id, Role.OWNER, {}, "nobody raises itself"),
        ("of-nobody", _LAPTOP, nobody, Role.EDITOR, {}, "the device is not a member"),
        ("by-agent", _HELPER, _BEN_PHONE.id, Role.OWNER, {}, "an agent sets no roles"),
        ("of-recovery", _LAPTOP, _WORDS.id, Role.EDITOR, {}, "nobody but itself may change it"),
        ("of-recovery-same", _LAPTOP, _WORDS.id, Role.OWNER, {}, "not even to what it is"),
        ("cut-of-editor", _LAPTOP, _BEN_PHONE.id, Role.EDITOR, cut, "it may still write"),
        ("cut-of-viewer", _LAPTOP, _BEN_TABLET.id, Role.VIEWER, cut, "it might not write before"),
    ):
        yield f"role-{name}", author, SetRole(device=device, role=role, cut=heads), comment


def _of_revokes(at: Wallet) -> Iterable[Case]:
    for name, author, kind, target, comment in (
        ("nobody", _LAPTOP, TargetKind.DEVICE, secret("nobody", 16), "names no member"),
        ("no-holder", _LAPTOP, TargetKind.HOLDER, _LAPTOP.id, "names a device as a holder"),
        ("no-device", _LAPTOP, TargetKind.DEVICE, _BEN_PHONE.holder, "names a holder as a device"),
        ("itself", _LAPTOP, TargetKind.DEVICE, _LAPTOP.id, "the author would go"),
        (
            "its-sponsor",
            _PHONE,
            TargetKind.DEVICE_AND_LINKED,
            _LAPTOP.id,
            "the author was linked by the target, so it would go too",
        ),
        ("own-holder", _LAPTOP, TargetKind.HOLDER, _LAPTOP.holder, "the author would go too"),
        ("by-editor", _BEN_PHONE, TargetKind.DEVICE, _PHONE.id, "another person's device"),
        ("by-agent", _HELPER, TargetKind.DEVICE, _PHONE.id, "an agent revokes nobody"),
        ("recovery", _PHONE, TargetKind.DEVICE, _WORDS.id, "a recovery member, by one device"),
    ):
        yield f"revoke-{name}", author, at.revocation(author, Target(kind, target), {}), comment
    good = at.revocation(_LAPTOP, Target(TargetKind.DEVICE, _BEN_TABLET.id), {})
    for name, hashes, comment in (
        ("without-wrap", good.rotation.wrap_hashes[:-1], "a member who stays gets no wrap"),
        ("with-wrap-more", (*good.rotation.wrap_hashes, bytes(32)), "one who goes gets a wrap"),
    ):
        rotation = replace(good.rotation, wrap_hashes=hashes)
        revoke = Revoke(target=good.target, cut={}, rotation=rotation)
        yield f"revoke-{name}", _LAPTOP, revoke, comment


def _endings(wallet: Wallet) -> Iterable[Vector]:
    at, length = wallet, len(wallet.chain)
    rotation = story.until(wallet, length).rotation(_LAPTOP, at.state.members)
    for name, payload in (
        ("home", Home(server=story.server("two"))),
        ("rotate", Rotate(rotation=rotation)),
        ("close", Close()),
    ):
        raw = at.signed(_LAPTOP, payload)
        yield story.refusal(f"closed-{name}", length, raw, "WalletClosed", "after `close`")
    owners = story.until(wallet, 2)
    raw = owners.signed(_LAPTOP, SetRole(device=_LAPTOP.id, role=Role.EDITOR, cut={}))
    yield story.refusal("role-last-owner", 2, raw, "NotAuthorised", "no owner would be left")
