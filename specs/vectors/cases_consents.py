"""Vectors of removing recovery words: by themselves, or by two devices that have long belonged.

Spec: 13-membership.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Checkpoint
from billfold_protocol.ids import ChainHead, EpochId, WalletId
from billfold_protocol.membership import (
    Consent,
    Home,
    Kind,
    Revoke,
    Target,
    TargetKind,
    consent_parts,
)
from specs.vectors import story
from specs.vectors.wallets import Device, Vector, Wallet, create_wallet, flip, make_device

_LAPTOP, _PHONE, _WORDS, _HELPER = story.LAPTOP, story.PHONE, story.WORDS, story.HELPER
_SERVER, _STRANGER = make_device("server one", "operator"), make_device("server two", "operator")
_WEEK_S, _TIME_S = 7 * 24 * 3600, 1_770_000_000
_OTHER, _NO_HEAD = WalletId(bytes(32)), ChainHead(bytes(16))
_LENGTH = 5
"""Entries of the chain before anybody has left."""


def tell() -> Wallet:
    """Return a wallet whose words two devices removed, and whose new words ended themselves."""
    wallet = _begun()
    wallet.begin_epoch(_LAPTOP, _removal(wallet, _LAPTOP, _consent(wallet)))
    again = make_device("words again", "ada")
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, again, kind=Kind.RECOVERY))
    wallet.begin_epoch(again, wallet.revocation(again, Target(TargetKind.DEVICE, again.id), {}))
    return wallet


def build() -> Iterable[Vector]:
    """Return the vectors of `membership.json` about consents."""
    wallet, whole = _begun(), tell()
    yield {
        "id": "agreed",
        "comment": "two devices remove recovery words after a week; later words end themselves",
        "chain": "agreed",
        "wallet_id": whole.id.hex(),
        "expect": "ok",
        "states": [story.describe_state(whole, k) for k in range(len(whole.chain))],
    }
    for name, author, payload, comment in (*_unentitled(wallet), *_unproved(wallet)):
        raw = wallet.signed(author, payload)
        refusal = story.refusal(f"consent-{name}", _LENGTH, raw, "NotAuthorised", comment)
        yield {**refusal, "chain": "agreed"}


def _begun() -> Wallet:
    wallet = create_wallet("agreed", _LAPTOP)
    wallet.add(_LAPTOP, Home(server=story.server("one")))
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _WORDS, kind=Kind.RECOVERY))
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _PHONE))
    wallet.add(_LAPTOP, wallet.link(_LAPTOP, _HELPER, kind=Kind.AGENT))
    return wallet


def _moment(
    wallet: Wallet, k: int = 3, later_s: int = 0, by: Device = _SERVER
) -> tuple[Checkpoint, Device]:
    checkpoint = Checkpoint(
        wallet_id=wallet.id,
        n=5,
        k=k,
        head=wallet.chain.state_at(k).head,
        time_s=_TIME_S + later_s,
        client_nonce=None,
        vector_hash=None,
    )
    return checkpoint, by


def _signed(moment: tuple[Checkpoint, Device]) -> bytes:
    checkpoint, by = moment
    return checkpoint.sign(by.signing)


def _consent(wallet: Wallet, device: Device = _PHONE, epoch: EpochId | None = None) -> Consent:
    parts = consent_parts(wallet.id, _WORDS.id, epoch or wallet.state.epoch.id)
    return Consent(
        device=device.id,
        signature=device.signing.sign(Domain.MEMBERSHIP_CONSENT, *parts),
        earlier=_signed(_moment(wallet)),
        later=_signed(_moment(wallet, 4, _WEEK_S)),
    )


def _removal(
    wallet: Wallet, author: Device, consent: Consent | None, victim: Device = _WORDS
) -> Revoke:
    target = Target(TargetKind.DEVICE, victim.id)
    return replace(wallet.revocation(author, target, {}), consent=consent)


Case = tuple[str, Device, Revoke, str]


def _unentitled(wallet: Wallet) -> Iterable[Case]:
    good = _consent(wallet)
    for name, author, consent, comment in (
        ("none", _LAPTOP, None, "one device alone"),
        ("own", _LAPTOP, _consent(wallet, _LAPTOP), "the author's own"),
        ("words", _LAPTOP, _consent(wallet, _WORDS), "of the words themselves"),
        ("agent", _LAPTOP, _consent(wallet, _HELPER), "of an agent"),
        ("stranger", _LAPTOP, _consent(wallet, _STRANGER), "of nobody who belongs"),
        ("forged", _LAPTOP, replace(good, signature=flip(good.signature, 0)), "not signed"),
        (
            "old-epoch",
            _LAPTOP,
            _consent(wallet, epoch=EpochId(bytes(16))),
            "signed in another epoch",
        ),
    ):
        yield name, author, _removal(wallet, author, consent), comment
    yield "device", _LAPTOP, _removal(wallet, _LAPTOP, good, _HELPER), "for a removal of no words"


def _unproved(wallet: Wallet) -> Iterable[Case]:
    good, (end, _) = _consent(wallet), _moment(wallet, 4, _WEEK_S)
    for name, earlier, later, comment in (
        ("soon", None, _signed(_moment(wallet, 4, _WEEK_S - 1)), "a second less than a week"),
        ("before", _signed(_moment(wallet, 2)), None, "before both were members"),
        ("swapped", good.later, good.earlier, "the later one first"),
        ("server", _signed(_moment(wallet, by=_STRANGER)), None, "by no server of the wallet"),
        ("wallet", None, _signed((replace(end, wallet_id=_OTHER), _SERVER)), "of another wallet"),
        ("head", None, _signed((replace(end, head=_NO_HEAD), _SERVER)), "of another chain"),
        ("ahead", None, _signed((replace(end, k=9), _SERVER)), "of an entry that is not there"),
        ("bytes", b"x" * 65, None, "no checkpoint at all"),
    ):
        consent = replace(good, earlier=earlier or good.earlier, later=later or good.later)
        yield name, _LAPTOP, _removal(wallet, _LAPTOP, consent), comment
