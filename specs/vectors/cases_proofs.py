"""Vectors of portable proofs: each kind as it is accepted, and what is refused.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from billfold_protocol import codec
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.feed import Ack, Beacon, Checkpoint, Freshness, Vector, vector_hash
from billfold_protocol.ids import EntryId, ServerKey
from billfold_protocol.membership import Home, Rotate, ServerAddress
from billfold_protocol.proofs import (
    Equivocated,
    Forked,
    Proof,
    RolledBack,
    Shown,
    Stale,
    WronglyAcked,
    encode_proof,
)
from specs.vectors.wallets import (
    START_S,
    Feed,
    Wallet,
    create_wallet,
    make_device,
    salt_of,
    secret,
)
from specs.vectors.wallets import Vector as Case

_SERVER = make_device("server one", "operator").signing
_OTHER_SERVER = make_device("server two", "operator").signing
_LAPTOP = make_device("proof laptop", "ada")
_STRANGER = make_device("proof stranger", "eve")


class _Story:
    """A wallet with a home and two entries of one feed."""

    def __init__(self) -> None:
        self.wallet: Wallet = create_wallet("proof wallet", _LAPTOP)
        server = ServerAddress(address="https://wallet.example", key=ServerKey(_SERVER.public_key))
        self.wallet.add(_LAPTOP, Home(server=server))
        self.members = tuple(self.wallet.chain.raws)
        self.feed = Feed("proof feed", _LAPTOP)
        self.first, self.first_raw = self.feed.write(self.wallet)
        self.second, self.second_raw = self.feed.write(self.wallet)
        self.feed.heads.pop()
        self.other, self.other_raw = self.feed.write(self.wallet, text=" otherwise")
        self.before: Vector = {self.first.feed: (1, self.second.id)}
        self.after: Vector = {self.first.feed: (0, self.first.id)}

    def checkpoint(
        self, n: int, vector: Vector | None, *, nonce: bytes | None = None, **changed: Any
    ) -> bytes:
        """Return what the server signs."""
        state = self.wallet.state
        fields: dict[str, Any] = {
            "wallet_id": self.wallet.id,
            "n": n,
            "k": state.k,
            "head": state.head,
            "time_s": START_S + n,
            "client_nonce": nonce,
            "vector_hash": None if vector is None else vector_hash(vector),
            **changed,
        }
        key: SigningKey = fields.pop("key", _SERVER)
        return Checkpoint(**fields).sign(key)

    def ack(self, n: int = 2) -> bytes:
        """Return an ack of the second entry."""
        state = self.wallet.state
        ids = (self.second.id,)
        return Ack(wallet_id=self.wallet.id, ids=ids, n=n, k=state.k, head=state.head).sign(_SERVER)

    def beacon(self) -> bytes:
        """Return what the laptop says that the server held."""
        state = self.wallet.state
        return Beacon(
            wallet_id=self.wallet.id,
            device=_LAPTOP.id,
            k=state.k,
            head=state.head,
            vector=self.before,
            time_s=START_S,
        ).sign(_LAPTOP.signing)

    def after_statement(self, *statements: bytes, n: int = 1) -> tuple[bytes, Freshness]:
        """Return a checkpoint that was signed after some statements, and what shows that."""
        freshness = Freshness.of(secret("proof salt"), statements)
        return self.checkpoint(n, self.after, nonce=freshness.nonce), freshness

    def branch(self, name: str) -> bytes:
        """Return a membership entry that continues the chain."""
        rotation = self.wallet.rotation(_LAPTOP, self.wallet.state.members)
        other = replace(rotation, commitment=secret(f"commitment {name}"))
        return self.wallet.signed(_LAPTOP, Rotate(rotation=other))


@cache
def _story() -> _Story:
    return _Story()


def proofs() -> dict[str, Proof]:
    """Return a genuine proof of each kind, by the name of its vector."""
    story = _story()
    members = story.members
    earlier = story.checkpoint(2, story.before)
    later, freshness = story.after_statement(earlier)
    rollback = RolledBack(
        members=members, earlier=Shown(earlier), later=Shown(later), freshness=freshness
    )
    grown = story.checkpoint(5, story.after)
    heads = RolledBack(
        members=members,
        earlier=Shown(earlier, story.before),
        later=Shown(grown, story.after),
        freshness=None,
    )
    late, fresh = story.after_statement(story.ack())
    false_ack = WronglyAcked(
        members=members,
        ack=story.ack(),
        entry=story.second_raw,
        later=Shown(late, story.after),
        freshness=fresh,
    )
    heard, since = story.after_statement(story.beacon())
    equivocation = Equivocated(
        members=members[:1],
        device=_LAPTOP.id,
        salt=salt_of("proof feed"),
        left=story.second_raw,
        right=story.other_raw,
    )
    fork = Forked(members=members, left=(story.branch("one"),), right=(story.branch("two"),))
    return {
        "rollback-by-number": rollback,
        "rollback-by-heads": heads,
        "rollback-after-ack": replace(
            rollback, earlier=Shown(story.ack()), later=Shown(late), freshness=fresh
        ),
        "false-ack": false_ack,
        "false-ack-by-number": replace(false_ack, later=Shown(grown, story.after), freshness=None),
        "stale-server": Stale(
            members=members,
            beacon=story.beacon(),
            later=Shown(heard, story.after),
            freshness=since,
        ),
        "equivocation": equivocation,
        "fork-by-a-device": fork,
        "fork-by-the-server": _signed_fork(fork),
    }


def _signed_fork(fork: Forked) -> Forked:
    story = _story()
    checkpoints = []
    for (raw,) in (fork.left, fork.right):
        state = story.wallet.chain.state
        story.wallet.chain.append(raw)
        checkpoints.append(story.checkpoint(2, None))
        story.wallet.chain.undo()
        assert story.wallet.chain.state is state
    left, right = checkpoints
    return replace(fork, left_checkpoint=left, right_checkpoint=right)


def build() -> Iterable[Case]:
    """Return the vectors of `proofs.json`."""
    kinds = {
        "rollback-by-number": ("ServerRollback", "a smaller arrival number, signed afterwards"),
        "rollback-by-heads": ("ServerRollback", "a larger number and fewer entries"),
        "rollback-after-ack": ("ServerRollback", "a smaller number than that of an ack"),
        "false-ack": ("FalseAck", "an acked entry is missing from what was signed afterwards"),
        "false-ack-by-number": ("FalseAck", "likewise, by the arrival numbers alone"),
        "stale-server": ("StaleServer", "what a device had seen is missing afterwards"),
        "equivocation": ("Equivocation", "two entries at one place"),
        "fork-by-a-device": ("ChainFork", "one device continued the chain twice"),
        "fork-by-the-server": ("ChainFork", "and the server signed both"),
    }
    for name, proof in proofs().items():
        kind, comment = kinds[name]
        yield {**_case(name, encode_proof(proof), "ok", comment), "kind": kind}
    yield from _not_contradicting()
    yield from _not_genuine()
    yield from _wrongly_made()


def _case(name: str, data: bytes, expect: str, comment: str) -> Case:
    return {
        "id": name,
        "comment": comment,
        "wallet_id": _story().wallet.id.hex(),
        "proof": data.hex(),
        "expect": expect,
    }


def _refused(name: str, proof: Proof, expect: str, comment: str) -> Case:
    return _case(name, encode_proof(proof), expect, comment)


def _not_contradicting() -> Iterable[Case]:
    story, good = _story(), proofs()
    rollback, ack = good["rollback-by-number"], good["false-ack"]
    stale, fork = good["stale-server"], good["fork-by-the-server"]
    equal = good["equivocation"]
    assert isinstance(rollback, RolledBack)
    assert isinstance(ack, WronglyAcked)
    assert isinstance(stale, Stale)
    assert isinstance(fork, Forked)
    assert isinstance(equal, Equivocated)
    grown = story.checkpoint(5, {**story.before, story.first.feed: (2, EntryId(secret("third")))})
    held, fresh = Freshness.of(secret("proof salt"), [story.ack()]), story.before
    kept = story.checkpoint(2, fresh, nonce=held.nonce)
    seen = Freshness.of(secret("proof salt"), [story.beacon()])
    for name, proof, comment in (
        ("rollback-unordered", replace(rollback, freshness=None), "nothing shows which was first"),
        (
            "rollback-of-nothing",
            replace(rollback, later=Shown(grown), freshness=None),
            "the server has only gone on",
        ),
        ("false-ack-unordered", replace(ack, freshness=None), "nothing shows which was first"),
        (
            "false-ack-of-another",
            replace(ack, entry=story.first_raw),
            "the ack does not name this entry",
        ),
        ("false-ack-no-heads", replace(ack, later=Shown(ack.later.checkpoint)), "no heads"),
        (
            "false-ack-held",
            replace(ack, later=Shown(kept, fresh), freshness=held),
            "the server holds the entry",
        ),
        ("stale-no-heads", replace(stale, later=Shown(stale.later.checkpoint)), "no heads"),
        (
            "stale-held",
            replace(
                stale,
                later=Shown(story.checkpoint(2, fresh, nonce=seen.nonce), fresh),
                freshness=seen,
            ),
            "the server holds what the device had seen",
        ),
        ("equivocation-same", replace(equal, right=equal.left), "one entry, twice"),
        ("fork-same", replace(fork, right=fork.left, right_checkpoint=None), "one branch, twice"),
        ("fork-one-branch", replace(fork, right=(), right_checkpoint=None), "nothing parts"),
        (
            "fork-swapped",
            replace(
                fork,
                left_checkpoint=fork.right_checkpoint,
                right_checkpoint=fork.left_checkpoint,
            ),
            "each statement is about the other branch",
        ),
    ):
        yield _refused(name, proof, "NotProven", comment)


def _not_genuine() -> Iterable[Case]:
    story, good = _story(), proofs()
    rollback, ack = good["rollback-by-number"], good["false-ack"]
    heads, equal = good["rollback-by-heads"], good["equivocation"]
    assert isinstance(rollback, RolledBack)
    assert isinstance(heads, RolledBack)
    assert isinstance(ack, WronglyAcked)
    assert isinstance(equal, Equivocated)
    foreign = story.checkpoint(1, None, key=_OTHER_SERVER)
    strange = Feed("proof feed", _STRANGER)
    strangers = [strange.write(story.wallet)[1] for _ in range(2)]
    elsewhere = story.checkpoint(1, None, wallet_id=secret("elsewhere"))
    for name, proof, expect, comment in (
        (
            "rollback-other-server",
            replace(rollback, later=Shown(foreign)),
            "AuthFailed",
            "signed by a key that the chain does not name",
        ),
        (
            "rollback-no-home",
            replace(rollback, members=rollback.members[:1]),
            "AuthFailed",
            "the chain stops before the home",
        ),
        (
            "rollback-other-wallet",
            replace(rollback, later=Shown(elsewhere)),
            "WrongContext",
            "a statement about another wallet",
        ),
        (
            "rollback-other-salt",
            replace(
                rollback,
                freshness=Freshness.of(secret("another salt"), [rollback.earlier.checkpoint]),
            ),
            "CommitMismatch",
            "the nonce was not made of this salt",
        ),
        (
            "rollback-not-known",
            replace(rollback, freshness=Freshness.of(secret("proof salt"), [])),
            "CommitMismatch",
            "the nonce does not show the earlier statement",
        ),
        (
            "rollback-other-heads",
            replace(heads, later=Shown(heads.later.checkpoint, story.before)),
            "CommitMismatch",
            "heads that the server did not sign",
        ),
        (
            "rollback-ack-with-heads",
            replace(heads, earlier=Shown(story.ack(), story.before)),
            "CommitMismatch",
            "an ack signs no heads",
        ),
        (
            "false-ack-forged",
            replace(ack, ack=bytes(64) + ack.ack[64:]),
            "AuthFailed",
            "an ack that nobody signed",
        ),
        (
            "equivocation-stranger",
            replace(equal, device=_STRANGER.id),
            "UnsignedMember",
            "a device that is no member",
        ),
        (
            "equivocation-other-feed",
            replace(equal, salt=secret("another salt", 16)),
            "WrongContext",
            "the feed is not made of this salt",
        ),
        (
            "equivocation-forged",
            replace(equal, left=strangers[0], right=strangers[1]),
            "AuthFailed",
            "entries that the device did not sign",
        ),
        ("no-members", replace(rollback, members=()), "WrongContext", "no `create` entry"),
    ):
        yield _refused(name, proof, expect, comment)
    whole = encode_proof(rollback)
    yield {
        **_case("wallet-other", whole, "WrongContext", "asked for another wallet"),
        "wallet_id": secret("elsewhere").hex(),
    }


def _wrongly_made() -> Iterable[Case]:
    whole = encode_proof(proofs()["rollback-by-number"])
    fields = codec.as_array(codec.decode(whole, size_max=len(whole)))
    changed: Sequence[tuple[str, list[object], str]] = (
        ("longer", [*fields, None], "a field too many"),
        ("shorter", fields[:-1], "a field is missing"),
        ("no-members-at-all", fields[:2], "a kind alone"),
        ("kind-unknown", [1, "server-kindness", *fields[2:]], "a kind that there is not"),
        ("kind-other", [1, "equivocation", *fields[2:]], "the fields of another kind"),
        ("kind-number", [1, 1, *fields[2:]], "a kind is text"),
        ("members-nil", [1, fields[1], None, *fields[3:]], "members are a list"),
        ("earlier-nil", [*fields[:3], None, *fields[4:]], "a statement is needed"),
        ("freshness-short", [*fields[:5], [bytes(31), []]], "a salt has 32 bytes"),
        ("freshness-twice", [*fields[:5], [bytes(32), [bytes(32)] * 2]], "hashes ascend"),
        ("freshness-many", [*fields[:5], [bytes(32), _hashes(17)]], "at most 16 statements"),
    )
    for name, wrong, comment in changed:
        yield _case(name, codec.encode(wrong), "Malformed", comment)
    for name, version in (("version-0", 0), ("version-2", 2), ("version-true", True)):
        data = codec.encode([version, *fields[1:]])
        yield _case(name, data, "Downgrade", "another version")
    yield _case("empty", codec.encode([]), "Downgrade", "no version")
    yield _case("nothing", b"", "Malformed", "no bytes")
    yield _case("cut", whole[:-1], "Malformed", "the last byte is missing")
    yield _case("trailing", whole + b"\0", "Malformed", "a byte after the end")


def _hashes(count: int) -> list[bytes]:
    return [bytes([number]) * 32 for number in range(count)]
