"""Vectors of the key hierarchy: wraps, back-links, commitments, and rotations that are bad.

Spec: 12-key-hierarchy.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.ids import DeviceId, EpochId, EpochKey
from billfold_protocol.key_hierarchy import WrapContext, commit_to, entry_key
from billfold_protocol.membership import Rotate, wrap_hash
from specs.vectors import cases_complaints, story
from specs.vectors.wallets import (
    Device,
    KeptWraps,
    Vector,
    Wallet,
    create_wallet,
    flip,
    secret,
)

_LAPTOP, _PHONE, _HELPER = story.LAPTOP, story.PHONE, story.HELPER


def make_broken_wallet(kept: KeptWraps) -> Wallet:
    """Return a wallet with four bad rotations, which no server can tell from good ones.

    The chain: `create`, a link of the phone, then `rotate` four times: to another key than the
    committed one, to bytes that are no wrap, with a back-link of another place, and with one that
    holds another key.
    """
    wallet = create_wallet("broken", _LAPTOP, kept)
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _PHONE))
    other = _rotate_with(wallet, _wrap_of(wallet, kept, secret("another key")))
    garbage = _rotate_with(wallet, secret("no wrap", 1168))
    wallet.wraps[2, _PHONE.id], wallet.wraps[3, _PHONE.id] = other, garbage
    moved = wallet.back_link(_key_at(wallet, 4), wallet.key, 4)
    wallet.rotate(_LAPTOP)  # Its place makes the link that was made for index 4 a stranger at 5.
    rotation = wallet.rotation(_LAPTOP, wallet.state.members)
    wallet.begin_epoch(_LAPTOP, Rotate(rotation=replace(rotation, back_link=moved)))
    rotation = wallet.rotation(_LAPTOP, wallet.state.members)
    lying = wallet.back_link(_key_at(wallet, 6), secret("another key"), 6)
    wallet.begin_epoch(_LAPTOP, Rotate(rotation=replace(rotation, back_link=lying)))
    return wallet


def _key_at(wallet: Wallet, k: int) -> EpochKey:
    return EpochKey(secret(f"{wallet.name} epoch key {k}"))


def _rotate_with(wallet: Wallet, phones_wrap: bytes) -> bytes:
    """Append a `rotate` that lists the given bytes as the phone's wrap."""
    rotation = wallet.rotation(_LAPTOP, wallet.state.members)
    hashes = list(rotation.wrap_hashes)
    hashes[sorted(wallet.state.members).index(_PHONE.id)] = wrap_hash(phones_wrap)
    wallet.begin_epoch(_LAPTOP, Rotate(rotation=replace(rotation, wrap_hashes=tuple(hashes))))
    return phones_wrap


def _wrap_of(wallet: Wallet, kept: KeptWraps, key: bytes) -> bytes:
    k = wallet.state.k + 1
    context = WrapContext(
        wallet_id=wallet.id,
        k=k,
        previous=wallet.state.hash,
        author=_LAPTOP.id,
        commitment=commit_to(_key_at(wallet, k)),
    )
    name = "broken-other-key-phone"
    return kept.wrap(name, key, _PHONE.name, Domain.EPOCH_WRAP, *context.parts(_PHONE.id))


def build(wallet: Wallet, broken: Wallet) -> list[Vector]:
    """Return the vectors of `key_hierarchy.json`."""
    return [
        *_derived(wallet),
        *_created(wallet),
        *(_wrap_opens(wallet, k, device) for k, device in wallet.wraps),
        *_wraps_refused(wallet, broken),
        *_back_links(wallet, broken),
        *cases_complaints.build_links(),
    ]


def _derived(wallet: Wallet) -> Iterable[Vector]:
    for name, key in (("first", wallet.keys[wallet.chain.state_at(0).epoch.id]), ("zeros", None)):
        epoch_key = key or EpochKey(bytes(32))
        yield {
            "id": f"derived-{name}",
            "comment": "what an epoch key commits to and what seals entries",
            "epoch_key": epoch_key.hex(),
            "wallet_id": wallet.id.hex(),
            "expect": "ok",
            "commitment": commit_to(epoch_key).hex(),
            "entry_key": entry_key(epoch_key, wallet.id).hex(),
        }


def _created(wallet: Wallet) -> Iterable[Vector]:
    epoch = wallet.chain.state_at(0).epoch.id
    key = wallet.keys[epoch]
    vector = {"chain": "story", "created_key": key.hex()}
    yield {"id": "created", "comment": "", **vector, "expect": "ok", "epoch": epoch.hex()}
    yield {
        "id": "created-other",
        "comment": "one bit differs",
        **vector,
        "created_key": flip(key, 7).hex(),
        "expect": "CommitMismatch",
    }


def _wrap(wallet: Wallet, k: int, device: Device, wrapped: bytes, *said: str) -> Vector:
    name, comment, expect = said
    return {
        "id": name,
        "comment": comment,
        "chain": wallet.name,
        "k": k,
        "device": device.id.hex(),
        "seed": secret(f"wrapping seed {device.name}").hex(),
        "wrapped": wrapped.hex(),
        "expect": expect,
    }


def _wrap_opens(wallet: Wallet, k: int, device_id: DeviceId) -> Vector:
    device, epoch = wallet.devices[device_id], wallet.chain.state_at(k).epoch.id
    name = f"wrap-{k}-{device.name.replace(' ', '-')}"
    said = (name, f"what the entry at {k} gives to {device.name}", "ok")
    vector = _wrap(wallet, k, device, wallet.wraps[k, device_id], *said)
    return {**vector, "epoch": epoch.hex(), "key": wallet.keys[epoch].hex()}


def _wraps_refused(wallet: Wallet, broken: Wallet) -> Iterable[Vector]:
    good, laptops = wallet.wraps[10, _PHONE.id], wallet.wraps[10, _LAPTOP.id]
    for name, k, device, wrapped, comment in (
        ("flipped", 10, _PHONE, flip(good, 5), "one bit"),
        ("cut-short", 10, _PHONE, good[:-1], "the last byte is missing"),
        ("nothing", 10, _PHONE, b"", "no bytes"),
        ("of-another-device", 10, _PHONE, laptops, "a wrap that the entry lists for the laptop"),
        ("of-another-epoch", 11, _PHONE, good, "a wrap that an older entry lists"),
        ("of-no-member", 11, _HELPER, good, "the entry removed this device"),
        ("of-no-rotation", 9, _PHONE, good, "the entry lists no wraps"),
        ("of-create", 0, _LAPTOP, laptops, "`create` lists no wraps"),
    ):
        yield _wrap(wallet, k, device, wrapped, f"wrap-{name}", comment, "CommitMismatch")
    other, garbage = broken.wraps[2, _PHONE.id], broken.wraps[3, _PHONE.id]
    yield _wrap(
        *(broken, 2, _PHONE, other, "wrap-other-key"),
        "listed and opens, but holds another key than the one committed to",
        "CommitMismatch",
    )
    yield _wrap(
        *(broken, 3, _PHONE, garbage, "wrap-garbage"),
        "listed, but no wrap",
        "AuthFailed",
    )
    listed = _wrap(
        *(wallet, 10, _PHONE, good, "wrap-wrong-seed"),
        "listed, opened with another device's key",
        "AuthFailed",
    )
    yield {**listed, "seed": secret("wrapping seed laptop").hex()}


def _back_links(wallet: Wallet, broken: Wallet) -> Iterable[Vector]:
    def keys(of: Wallet, *indices: int) -> dict[str, str]:
        epochs: list[EpochId] = [of.chain.state_at(k).epoch.id for k in indices]
        return {epoch.hex(): of.keys[epoch].hex() for epoch in epochs}

    for name, at, found, comment in (
        ("all", [15], [0, 10, 11, 14, 15], "the newest key leads to all"),
        ("from-the-middle", [11], [0, 10, 11], "an older key leads to what is before it"),
        ("first", [0], [0], "nothing is before the first key"),
        ("revoked", [0, 10], [0, 10], "a device revoked at 11 reaches no later key"),
        ("held", [15, 11], [0, 10, 11, 14, 15], "a key that is held is not opened again"),
        ("none", [], [], "no key leads nowhere"),
    ):
        yield {
            "id": f"back-links-{name}",
            "comment": comment,
            "chain": "story",
            "keys": keys(wallet, *at),
            "expect": "ok",
            "found": keys(wallet, *found),
            "bad": {},
        }
    strange: EpochId = wallet.chain.state_at(15).epoch.id
    other_key = {strange.hex(): secret("another key").hex()}
    for name, chain, held, found_keys, bad, comment in (
        (
            "moved",
            "broken",
            keys(broken, 5),
            keys(broken, 5),
            {5: "AuthFailed"},
            "of another index",
        ),
        ("lying", "broken", keys(broken, 6), keys(broken, 6), {6: "CommitMismatch"}, "another key"),
        (
            "past-a-lying-one",
            "broken",
            keys(broken, 6, 4),
            keys(broken, 6, 4, 3, 2, 0),
            {6: "CommitMismatch"},
            "an older key that is held leads on all the same",
        ),
        (
            "not-needed",
            "broken",
            keys(broken, 6, 5, 3),
            keys(broken, 6, 5, 3, 2, 0),
            {5: "AuthFailed"},
            "a bad one that leads to a key that is held is not opened, and the next one is",
        ),
        ("wrong-key", "story", other_key, other_key, {15: "AuthFailed"}, "a key of no epoch"),
    ):
        yield {
            "id": f"back-links-{name}",
            "comment": comment,
            "chain": chain,
            "keys": held,
            "expect": "ok",
            "found": found_keys,
            "bad": {str(k): error for k, error in bad.items()},
        }
