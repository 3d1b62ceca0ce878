"""Vectors of `merge`: two branches of one chain that become one, and merges that may not stand.

Ada's history goes on in two ways after its third entry. On the main branch the wallet moves and the
tablet goes; on the other one the phone brings in a watch and begins an epoch.

Spec: 13-membership.md
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from billfold_protocol import codec
from billfold_protocol.ids import DeviceId, EpochKey
from billfold_protocol.key_hierarchy import seal_back_link
from billfold_protocol.membership import Home, Merge, Role, divergence_of, members_after
from specs.vectors import story
from specs.vectors.wallets import Device, Vector, Wallet, create_wallet, flip, make_device, secret

_LAPTOP, _PHONE, _TABLET, _WATCH = story.LAPTOP, story.PHONE, story.TABLET, story.WATCH
_EDITOR = make_device("editor", "ada")
_FORK_LENGTH = 4
"""Entries that both branches have."""


def tell(*voided: Device) -> Wallet:
    """Return the wallet with its whole chain, whose last entry merges the other branch."""
    main, other = _branches()
    merge = merge_of(main, other, voided=[device.id for device in voided])
    main.begin_epoch(_LAPTOP, merge)
    return main


def tell_of_the_voided() -> Wallet:
    """Return the same wallet, but the watch that the other branch added does not stay."""
    return tell(_WATCH)


def build() -> list[Vector]:
    """Return the vectors of `membership.json` that are about merges."""
    return [
        _whole("parted", tell(), "its last entry merges a branch: what either took away is gone"),
        _whole("voided", tell_of_the_voided(), "the merge voids the watch of the other branch"),
        *_refusals(),
    ]


def _whole(name: str, wallet: Wallet, comment: str) -> Vector:
    return {
        "id": name,
        "comment": comment,
        "chain": name,
        "wallet_id": wallet.id.hex(),
        "expect": "ok",
        "states": [story.describe_state(wallet, k) for k in range(len(wallet.chain))],
    }


def _branches() -> tuple[Wallet, Wallet]:
    main = create_wallet("parted", _LAPTOP)
    main.add(_LAPTOP, main.link(_LAPTOP, _PHONE))
    main.add(_LAPTOP, main.link(_LAPTOP, _TABLET))
    main.add(_LAPTOP, main.link(_LAPTOP, _EDITOR, role=Role.EDITOR))
    other = replace(story.until(main, len(main.chain)), name="parted other")
    other.add(_PHONE, other.link(_PHONE, _WATCH))
    other.rotate(_PHONE)
    main.add(_LAPTOP, Home(server=story.server("one")))
    main.revoke(_LAPTOP, _TABLET, story.cut_of(_TABLET))
    main.rotate(_PHONE)
    return main, other


def merge_of(
    main: Wallet, other: Wallet, author: Device = _LAPTOP, voided: Sequence[DeviceId] = ()
) -> Merge:
    """Return the payload that merges another branch of the same wallet into the main one."""
    divergence = divergence_of(main.chain, other.chain)
    assert divergence is not None
    main.devices.update(other.devices)
    rotation = main.rotation(author, members_after(divergence.branches, voided))
    key = EpochKey(secret(f"{main.name} epoch key {main.state.k + 1}"))
    nonce = secret(f"{main.name} other back-link nonce", 24)
    return Merge(
        branch=divergence.carried,
        rotation=rotation,
        other_back_link=seal_back_link(key, other.state, other.key, nonce),
        home=main.state.home,
        voided=tuple(voided),
    )


def _refusals() -> Iterable[Vector]:
    main, other = _branches()
    length = len(main.chain)
    good = merge_of(main, other)
    short = replace(good.rotation, wrap_hashes=good.rotation.wrap_hashes[:-1])
    for name, author, payload, expect, comment in (
        ("nothing", _LAPTOP, replace(good, branch=()), "WrongContext", "it carries no branch"),
        (
            "start-missing",
            _LAPTOP,
            replace(good, branch=good.branch[1:]),
            "WrongContext",
            "the first entry of the branch is missing",
        ),
        (
            "early",
            _LAPTOP,
            replace(good, branch=(main.chain.raws[_FORK_LENGTH - 1], *good.branch)),
            "WrongContext",
            "the branch begins with an entry that both have",
        ),
        (
            "forged",
            _LAPTOP,
            replace(good, branch=(flip(good.branch[0], 0), *good.branch[1:])),
            "AuthFailed",
            "an entry of the branch is not signed by its author",
        ),
        (
            "other-home",
            _LAPTOP,
            replace(good, home=Home(server=story.server("three"))),
            "NotAuthorised",
            "neither branch has this home",
        ),
        (
            "voids-the-phone",
            _LAPTOP,
            replace(good, voided=(_PHONE.id,)),
            "NotAuthorised",
            "the phone was there before the fork",
        ),
        (
            "wrap-missing",
            _LAPTOP,
            replace(good, rotation=short),
            "NotAuthorised",
            "a member of the merged wallet gets no wrap",
        ),
        (
            "by-editor",
            _EDITOR,
            merge_of(main, other, _EDITOR),
            "NotAuthorised",
            "its author is no owner",
        ),
    ):
        raw = main.signed(author, payload)
        yield _vector(f"merge-{name}", length, raw, expect, comment)
    yield from _shapes(main, good)


def _shapes(main: Wallet, good: Merge) -> Iterable[Vector]:
    payload: list[object] = list(_payload_of(main.signed(_LAPTOP, good)))
    for name, place, value, comment in (
        ("branch-of-text", 0, ["entry"], "an entry of the branch is text"),
        ("back-link-short", 2, bytes(71), "the other back-link lacks a byte"),
        ("home-empty", 3, [], "the home is an empty array"),
        ("voided-twice", 4, [_WATCH.id, _WATCH.id], "a device is voided twice"),
        ("voided-short", 4, [bytes(15)], "a voided device's id lacks a byte"),
    ):
        changed = [*payload[:place], value, *payload[place + 1 :]]
        fields = codec.as_array(codec.decode(main.signed(_LAPTOP, good)[64:], size_max=1 << 17))
        body = codec.encode([*fields[:7], changed])
        yield _vector(f"merge-{name}", len(main.chain), bytes(64) + body, "Malformed", comment)


def _payload_of(raw: bytes) -> list[object]:
    fields = codec.as_array(codec.decode(raw[64:], size_max=1 << 17), 8)
    return codec.as_array(fields[7], 5)


def _vector(name: str, length: int, raw: bytes, expect: str, comment: str) -> Vector:
    return {**story.refusal(name, length, raw, expect, comment), "chain": "parted"}
