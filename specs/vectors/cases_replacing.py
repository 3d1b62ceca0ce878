"""Vectors of `replace`: new keys for a device, and entries that give none.

Ada's laptop confirms new keys of her phone, and her recovery words those of the laptop.

Spec: 13-membership.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.ids import SigningPublicKey, WalletId, WrappingPublicKey
from billfold_protocol.membership import (
    Cut,
    DeviceKeys,
    Kind,
    Payload,
    Replace,
    Role,
    replacement_code,
    replacement_parts,
)
from specs.vectors import story
from specs.vectors.cases_signing import forge_for_the_neutral_point
from specs.vectors.wallets import Device, Vector, Wallet, create_wallet, flip, make_device, secret

_LAPTOP, _PHONE, _WORDS, _HELPER = story.LAPTOP, story.PHONE, story.WORDS, story.HELPER
_BEN = story.BEN_PHONE
_NEW_PHONE, _NEW_LAPTOP = make_device("phone again", "ada"), make_device("laptop again", "ada")
_LENGTH = 5
"""Entries of the chain before anybody has new keys."""


def tell() -> Wallet:
    """Return the wallet with its whole chain."""
    wallet = _begun()
    wallet.begin_epoch(_LAPTOP, replacement(wallet, _LAPTOP, cut=story.cut_of(_PHONE)))
    wallet.begin_epoch(_WORDS, replacement(wallet, _WORDS, old=_LAPTOP, new=_NEW_LAPTOP))
    return wallet


def build() -> Iterable[Vector]:
    """Return the vectors of `membership.json` about new keys."""
    wallet, whole = _begun(), tell()
    yield {
        "id": "replaced",
        "comment": "a device confirms a phone's new keys, the recovery words a laptop's",
        "chain": "replaced",
        "wallet_id": whole.id.hex(),
        "expect": "ok",
        "states": [story.describe_state(whole, k) for k in range(len(whole.chain))],
        "codes": [
            replacement_code(whole.id, entry.payload.device, entry.payload.keys)
            for entry in whole.chain.entries
            if isinstance(entry.payload, Replace)
        ],
    }
    for name, author, payload, expect, comment in (
        *((*case[:3], "NotAuthorised", case[3]) for case in _unentitled(wallet)),
        *((*case[:3], "UnsignedMember", case[3]) for case in _unsigned(wallet)),
        *((*case[:3], "WeakKey", case[3]) for case in _weak(wallet)),
    ):
        raw = wallet.signed(author, payload)
        yield _refusal(name, raw, expect, comment)
    fields = codec.as_array(codec.decode(_good(wallet)[64:], size_max=1 << 17))
    for name, changed, comment in _shapes(codec.as_array(fields[7], 6)):
        raw = bytes(64) + codec.encode([*fields[:7], changed])
        yield _refusal(name, raw, "Malformed", comment)


def replacement(
    wallet: Wallet,
    author: Device,
    *,
    old: Device = _PHONE,
    new: Device = _NEW_PHONE,
    cut: Cut | None = None,
) -> Replace:
    """Return the payload that gives a device new keys, which it asked for."""
    wallet.devices[new.id] = new
    parts = replacement_parts(wallet.id, old.id, new.keys)
    left = [device for device in wallet.state.members if device != old.id]
    return Replace(
        device=old.id,
        keys=new.keys,
        acceptance=new.signing.sign(Domain.REPLACEMENT_ACCEPTANCE, *parts),
        request=old.signing.sign(Domain.REPLACEMENT_REQUEST, *parts),
        cut=cut or {},
        rotation=wallet.rotation(author, [*left, new.id]),
    )


def _begun() -> Wallet:
    wallet = create_wallet("replaced", _LAPTOP)
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _PHONE))
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _WORDS, kind=Kind.RECOVERY))
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _HELPER, kind=Kind.AGENT))
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _BEN, role=Role.EDITOR, is_invite=True))
    return wallet


def _good(wallet: Wallet) -> bytes:
    return wallet.signed(_LAPTOP, replacement(wallet, _LAPTOP))


def _refusal(name: str, raw: bytes, expect: str, comment: str) -> Vector:
    refusal = story.refusal(f"replace-{name}", _LENGTH, raw, expect, comment)
    return {**refusal, "chain": "replaced"}


Case = tuple[str, Device, Payload, str]


def _unentitled(wallet: Wallet) -> Iterable[Case]:
    good = replacement(wallet, _LAPTOP)
    rotation = good.rotation
    short = replace(rotation, wrap_hashes=rotation.wrap_hashes[:-1])
    for name, author, old, comment in (
        ("alone", _PHONE, _PHONE, "nobody but the device itself"),
        ("by-agent", _HELPER, _PHONE, "confirmed by an agent"),
        ("by-editor", _BEN, _PHONE, "confirmed by an editor, for another person's device"),
        ("of-recovery", _LAPTOP, _WORDS, "for recovery words"),
        ("of-agent", _LAPTOP, _HELPER, "for an agent"),
        ("of-nobody", _LAPTOP, story.STRANGER, "for a device that never was a member"),
    ):
        yield name, author, replacement(wallet, author, old=old), comment
    yield "known-keys", _LAPTOP, replacement(wallet, _LAPTOP, new=_BEN), "keys of another member"
    yield "same-keys", _LAPTOP, replacement(wallet, _LAPTOP, new=_PHONE), "the old keys again"
    yield "without-wrap", _LAPTOP, replace(good, rotation=short), "a member gets no wrap"


def _unsigned(wallet: Wallet) -> Iterable[Case]:
    good, other = replacement(wallet, _LAPTOP), replacement(wallet, _LAPTOP, new=_NEW_LAPTOP)
    parts = replacement_parts(WalletId(secret("elsewhere")), _PHONE.id, _NEW_PHONE.keys)
    elsewhere = (
        _NEW_PHONE.signing.sign(Domain.REPLACEMENT_ACCEPTANCE, *parts),
        _PHONE.signing.sign(Domain.REPLACEMENT_REQUEST, *parts),
    )
    for name, acceptance, request, comment in (
        ("acceptance-flipped", flip(good.acceptance, 7), good.request, "the new keys signed not"),
        ("request-flipped", good.acceptance, flip(good.request, 7), "the old keys signed not"),
        ("request-of-new-keys", good.acceptance, good.acceptance, "the new keys alone"),
        ("request-of-other-keys", good.acceptance, other.request, "the old keys named others"),
        ("acceptance-elsewhere", elsewhere[0], good.request, "accepted in another wallet"),
        ("request-elsewhere", good.acceptance, elsewhere[1], "asked for in another wallet"),
    ):
        changed = replace(good, acceptance=acceptance, request=request)
        yield name, _LAPTOP, changed, comment
    of_laptop = replacement(wallet, _WORDS, old=_LAPTOP)
    swapped = replace(of_laptop, device=_PHONE.id)
    yield "request-of-another", _WORDS, swapped, "another device asked for these keys"


def _weak(wallet: Wallet) -> Iterable[Case]:
    good = replacement(wallet, _LAPTOP)
    neutral = DeviceKeys(SigningPublicKey(b"\1" + bytes(31)), good.keys.wrapping)
    zero = WrappingPublicKey(good.keys.wrapping[:1184] + bytes(32))
    for name, keys, acceptance, comment in (
        ("weak-signing", neutral, forge_for_the_neutral_point(), "small order, and it signs"),
        ("weak-wrapping", DeviceKeys(good.keys.signing, zero), None, "its X25519 half is zero"),
    ):
        parts = replacement_parts(wallet.id, _PHONE.id, keys)
        signed = acceptance or _NEW_PHONE.signing.sign(Domain.REPLACEMENT_ACCEPTANCE, *parts)
        request = _PHONE.signing.sign(Domain.REPLACEMENT_REQUEST, *parts)
        yield name, _LAPTOP, replace(good, keys=keys, acceptance=signed, request=request), comment


def _shapes(good: list[object]) -> Iterable[tuple[str, list[object], str]]:
    for name, place, value, comment in (
        ("device-short", 0, bytes(15), "a device id lacks a byte"),
        ("one-key", 1, [bytes(32)], "the wrapping key is missing"),
        ("acceptance-short", 2, bytes(63), "the acceptance lacks a byte"),
        ("request-nil", 3, None, "there is no request"),
        ("cut-nil", 4, None, "a cut is a list"),
        ("rotation-nil", 5, None, "there is no epoch"),
    ):
        yield f"shape-{name}", [*good[:place], value, *good[place + 1 :]], comment
    yield "shape-long", [*good, None], "a field too many"
