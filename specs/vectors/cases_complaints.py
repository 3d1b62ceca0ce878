"""Vectors of bad rotations and their cure: complaints, and links that lead past what leads nowhere.

Ada's laptop begins an epoch whose back-link is garbage, and one that the phone cannot open and
nobody leads out of; what comes after leads past both.

Spec: 12-key-hierarchy.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol import codec, limits
from billfold_protocol.ids import EpochId, EpochKey
from billfold_protocol.key_hierarchy import NOWHERE, seal_back_link
from billfold_protocol.membership import Complain, OlderLink, Payload, Rotate
from specs.vectors import story
from specs.vectors.wallets import Device, Vector, Wallet, create_wallet, secret

_LAPTOP, _PHONE, _HELPER = story.LAPTOP, story.PHONE, story.HELPER
_BEN_TABLET = story.BEN_TABLET
_LENGTH = 4
"""Entries of the chain when the phone has complained."""


def tell() -> Wallet:
    """Return the wallet with its whole chain: epochs begin at 0, 2, 4 and 5."""
    wallet = _begun()
    wallet.begin_epoch(_LAPTOP, _leading(wallet, 1, main=wallet.key))
    wallet.begin_epoch(_PHONE, _leading(wallet, 2, 1, main=None))
    return wallet


def _begun() -> Wallet:
    wallet = create_wallet("healed", _LAPTOP)
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _PHONE))
    rotation = wallet.rotation(_LAPTOP, wallet.state.members)
    garbage = secret("no back-link", 72)
    wallet.begin_epoch(_LAPTOP, Rotate(rotation=replace(rotation, back_link=garbage)))
    wallet.add(_PHONE, Complain(epoch=wallet.state.epoch.id))
    return wallet


def _leading(wallet: Wallet, *indices: int, main: EpochKey | None) -> Rotate:
    """Return a rotation that leads to the epochs at some indices, and perhaps to the one before."""
    author = _LAPTOP if main else _PHONE
    key = EpochKey(secret(f"{wallet.name} epoch key {wallet.state.k + 1}"))
    rotation = wallet.rotation(author, wallet.state.members)
    older: list[OlderLink] = []
    for k in sorted(indices):
        before = wallet.chain.state_at(k)
        nonce = secret(f"{wallet.name} older link {wallet.state.k + 1} {k}", 24)
        back_link = seal_back_link(key, before, wallet.keys[before.epoch.id], nonce)
        older.append(OlderLink(k=k, back_link=back_link))
    back_link = rotation.back_link if main else NOWHERE
    return Rotate(rotation=replace(rotation, back_link=back_link), older=tuple(older))


def build() -> Iterable[Vector]:
    """Return the vectors of `membership.json` about complaints and links to older epochs."""
    wallet, whole = _begun(), tell()
    yield {
        "id": "healed",
        "comment": "a complaint, and two epochs that lead past bad ones",
        "chain": "healed",
        "wallet_id": whole.id.hex(),
        "expect": "ok",
        "states": [story.describe_state(whole, k) for k in range(len(whole.chain))],
    }
    for name, author, payload, comment in _refused(wallet):
        raw = wallet.signed(author, payload)
        yield _refusal(name, raw, "NotAuthorised", comment)
    good = _leading(wallet, 1, main=wallet.key)
    fields = codec.as_array(codec.decode(wallet.signed(_LAPTOP, good)[64:], size_max=1 << 17), 8)
    rotation, older = codec.as_array(fields[7], 2)
    link = codec.as_array(codec.as_array(older)[0], 2)
    for name, changed, comment in (
        ("older-none", [rotation, []], "a list of no links stands nowhere"),
        ("older-twice", [rotation, [link, link]], "an index stands twice"),
        ("older-descending", [rotation, [[1, link[1]], [0, link[1]]]], "in falling order"),
        ("older-short", [rotation, [[1, bytes(71)]]], "a link lacks a byte"),
        ("older-negative", [rotation, [[-1, link[1]]]], "an index begins at 0"),
        (
            "older-many",
            [rotation, [[k, link[1]] for k in range(limits.OLDER_LINKS_COUNT_MAX + 1)]],
            "more links than an entry may have",
        ),
        ("rotate-long", [rotation, older, None], "a field too many"),
    ):
        raw = bytes(64) + codec.encode([*fields[:7], changed])
        yield _refusal(f"shape-{name}", raw, "Malformed", comment)
    for name, epoch in (("short", bytes(15)), ("nil", None)):
        raw = bytes(64) + codec.encode([1, "complain", *fields[2:7], [epoch]])
        yield _refusal(f"shape-complain-{name}", raw, "Malformed", "the epoch is no id")


def build_links() -> Iterable[Vector]:
    """Return the vectors of `key_hierarchy.json` about links to older epochs."""
    wallet = tell()
    epochs = {k: wallet.chain.state_at(k).epoch.id for k in (0, 2, 4, 5)}
    for name, at, found, comment in (
        ("older", (4,), (0, 2, 4), "a garbage back-link is led past"),
        ("nowhere", (5,), (0, 2, 5), "nothing leads to the epoch that its author could not open"),
        ("nowhere-held", (5, 4), (0, 2, 4, 5), "and who holds that key is told of nothing bad"),
    ):
        yield {
            "id": f"back-links-{name}",
            "comment": comment,
            "chain": "healed",
            "keys": {epochs[k].hex(): wallet.keys[epochs[k]].hex() for k in at},
            "expect": "ok",
            "found": {epochs[k].hex(): wallet.keys[epochs[k]].hex() for k in found},
            "bad": {},
        }


def _refusal(name: str, raw: bytes, expect: str, comment: str) -> Vector:
    return {**story.refusal(name, _LENGTH, raw, expect, comment), "chain": "healed"}


def _refused(wallet: Wallet) -> Iterable[tuple[str, Device, Payload, str]]:
    epoch, old = wallet.state.epoch.id, wallet.chain.state_at(0).epoch.id
    yield "complain-twice", _PHONE, Complain(epoch=epoch), "it has complained of this epoch"
    yield "complain-old", _LAPTOP, Complain(epoch=old), "of an epoch that has ended"
    yield "complain-nowhere", _LAPTOP, Complain(epoch=EpochId(bytes(16))), "of no epoch"
    good = _leading(wallet, 1, main=wallet.key)
    ahead = replace(good, older=(OlderLink(k=_LENGTH, back_link=good.older[0].back_link),))
    yield "older-ahead", _LAPTOP, ahead, "a link to its own place"
