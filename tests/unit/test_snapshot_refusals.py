from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from billfold_protocol.client_session import Refused
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.feed import Reason
from billfold_protocol.ids import EntryId, EpochId, FeedId, SnapshotId
from billfold_protocol.membership import Kind, Role
from billfold_protocol.messages import (
    Judge,
    Judged,
    OfferSnapshot,
    SnapshotHeld,
    SnapshotPart,
    SnapshotWanted,
)
from billfold_protocol.snapshot import Covered, Judgement, Verdict, parse_snapshot, sign_snapshot
from billfold_protocol.snapshot_sealing import Maker, SnapshotContent, seal_snapshot
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from tests.support.relay_bench import BenchPeer, RelayBench
from tests.support.wallets import TIME_S, TestDevice, TestFeed, TestWallet

CONTENT = SnapshotContent(saved=b"a saved document", aside=(), waiting=())


@dataclass(slots=True)
class Scene:
    """A wallet of two people's devices on a relay, with three entries of the owner's feed."""

    wallet: TestWallet
    owner: TestDevice
    friend: TestDevice
    viewer: TestDevice
    bench: RelayBench
    peer: BenchPeer
    feed: TestFeed

    def cover(self, seq: int = 2) -> dict[FeedId, Covered]:
        entry = self.feed.entries[seq]
        return {self.feed.id: Covered(seq, entry.id, self.owner.id)}

    def made(
        self,
        cover: Mapping[FeedId, Covered] | None = None,
        *,
        author: TestDevice | None = None,
        k: int | None = None,
    ) -> tuple[bytes, bytes]:
        author = author or self.owner
        state = self.wallet.state if k is None else self.wallet.chain.state_at(k)
        maker = Maker(
            device=author.id, signing_key=author.signing_key, make_nonce=author.sealer.nonce
        )
        statement, ciphertext = seal_snapshot(
            CONTENT,
            self.cover() if cover is None else cover,
            maker=maker,
            state=state,
            key=self.wallet.epoch_keys[state.epoch.id],
            time_s=TIME_S,
            random=author.random,
        )
        return statement.raw, ciphertext

    def offer(self, statement: bytes, *verdicts: bytes, by: BenchPeer | None = None) -> None:
        wallet_id = self.wallet.chain.wallet_id
        message = OfferSnapshot(wallet_id=wallet_id, statement=statement, verdicts=verdicts)
        (by or self.peer).say(message)
        self.bench.commit()

    def part(self, statement: bytes, data: bytes, offset: int = 0) -> None:
        wallet_id = self.wallet.chain.wallet_id
        snapshot = parse_snapshot(statement, wallet_id).value.id
        self.peer.say(
            SnapshotPart(wallet_id=wallet_id, snapshot=snapshot, offset=offset, data=data)
        )
        self.bench.commit()

    def refusal(self) -> Reason | None:
        """Return why the last thing was refused; None if it was taken."""
        refused = self.peer.take(Refused)
        wanted = self.peer.take(SnapshotWanted)
        assert bool(refused) != bool(wanted)
        return refused[0].rejection.reason if refused else None

    def verdict(self, statement: bytes, judge: TestDevice) -> bytes:
        wallet_id = self.wallet.chain.wallet_id
        return Verdict(
            judgement=Judgement.ENDORSED,
            wallet_id=wallet_id,
            snapshot=parse_snapshot(statement, wallet_id).value.id,
            device=judge.id,
            time_s=TIME_S,
        ).sign(judge.signing_key)


def scene(**quotas: int) -> Scene:
    wallet = TestWallet("refusals")
    friend, viewer = TestDevice("friend"), TestDevice("viewer")
    wallet.invite(friend)
    wallet.invite(viewer, role=Role.VIEWER)
    bench = RelayBench(config=RelayConfig(quotas=replace(Quotas(), **quotas)))
    peer, feed = bench.join(wallet), TestFeed("owner")
    for _ in range(3):
        peer.push(wallet, wallet.seal(wallet.owner, feed, b"change").raw)
    bench.commit()
    peer.events.clear()
    return Scene(wallet, wallet.owner, friend, viewer, bench, peer, feed)


def resigned(on: Scene, **changes: object) -> bytes:
    snapshot = parse_snapshot(on.made()[0], on.wallet.chain.wallet_id).value
    changed: dict[str, object] = changes
    return sign_snapshot(replace(snapshot, **changed), on.owner.signing_key).raw  # type: ignore[arg-type]  # Any field.


def flipped(on: Scene) -> bytes:
    statement = bytearray(on.made()[0])
    statement[5] ^= 1
    return bytes(statement)


def ahead(on: Scene) -> bytes:
    on.wallet.rotate()
    return on.made()[0]


def of_another(on: Scene) -> bytes:
    covered = replace_id(on.cover())
    return on.made(covered)[0]


def replace_id(cover: Mapping[FeedId, Covered]) -> dict[FeedId, Covered]:
    return {feed: one._replace(id=EntryId(bytes(32))) for feed, one in cover.items()}


def beyond(on: Scene) -> bytes:
    cover = {feed: one._replace(seq=one.seq + 5) for feed, one in on.cover().items()}
    return on.made(cover)[0]


REFUSED: list[tuple[str, Callable[[Scene], bytes], Reason]] = [
    ("one bit of the signature", flipped, Reason.INVALID),
    ("an unknown membership entry", ahead, Reason.STALE_CHAIN),
    ("another epoch", lambda on: resigned(on, epoch=EpochId(bytes(16))), Reason.STALE_EPOCH),
    ("a stranger", lambda on: on.made(author=TestDevice("stranger"))[0], Reason.NOT_MEMBER),
    ("a viewer", lambda on: on.made(author=on.viewer)[0], Reason.ROLE),
    ("an entry that is not held", of_another, Reason.NOT_NEXT),
    ("what has not come", beyond, Reason.NOT_NEXT),
]


@pytest.mark.parametrize(
    ("make", "reason"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_statement_is_refused_for_its_reason(
    make: Callable[[Scene], bytes], reason: Reason
) -> None:
    on = scene()
    on.offer(make(on))
    assert on.refusal() is reason


def test_a_good_statement_is_taken_part_by_part_and_told_to_the_others() -> None:
    on = scene()
    statement, ciphertext = on.made()
    other = on.bench.join(on.wallet, on.friend)
    on.offer(statement)
    assert on.refusal() is None
    on.part(statement, ciphertext)
    assert [held.statement for held in other.take(SnapshotHeld)] == [statement]
    on.offer(statement)
    (wanted,) = on.peer.take(SnapshotWanted)[-1:]
    assert wanted.offset == len(ciphertext)


def test_a_removed_author_is_refused() -> None:
    on = scene()
    on.wallet.invite(gone := TestDevice("gone"))
    on.wallet.revoke(gone)
    fresh = RelayBench()
    peer = fresh.join(on.wallet)
    on.bench, on.peer = fresh, peer
    on.offer(on.made({}, author=gone)[0])
    assert on.refusal() is Reason.REVOKED


def test_above_the_rate_and_above_the_quota_a_statement_is_refused() -> None:
    on = scene(snapshots_per_device_per_hour=1)
    on.offer(on.made()[0])
    assert on.refusal() is None
    on.offer(on.made(on.cover(1))[0])
    assert on.refusal() is Reason.RATE
    small = scene(wallet_size_max=5_000)
    small.offer(resigned(small, size=1_000_000))
    assert small.refusal() is Reason.QUOTA


def test_bytes_of_another_hash_are_refused_and_others_of_another_size_end_the_connection() -> None:
    on = scene()
    statement, ciphertext = on.made()
    on.offer(statement)
    assert on.refusal() is None
    on.part(statement, bytes(len(ciphertext)))
    assert on.refusal() is Reason.INVALID
    on.part(statement, ciphertext)
    assert on.refusal() is Reason.NOT_NEXT
    on.offer(statement)
    with pytest.raises(RemoteProtocolError):
        on.part(statement, ciphertext[:-1])
    with pytest.raises(RemoteProtocolError):
        on.offer(b"no statement")


def test_a_verdict_about_ones_own_snapshot_or_of_a_stranger_is_dropped() -> None:
    on = scene()
    statement, ciphertext = on.made()
    other = on.bench.join(on.wallet, on.friend)
    on.offer(statement)
    on.part(statement, ciphertext)
    other.events.clear()
    for judge in (on.owner, TestDevice("stranger")):
        raw = on.verdict(statement, judge)
        wallet_id = on.wallet.chain.wallet_id
        on.peer.say(Judge(wallet_id=wallet_id, judgement=Judgement.ENDORSED, verdict=raw))
        on.bench.commit()
    assert other.take(Judged) == []


def test_recovery_words_cannot_object() -> None:
    on = scene()
    on.wallet.link(words := TestDevice("words"), kind=Kind.RECOVERY)
    on.bench = RelayBench()
    on.peer = on.bench.join(on.wallet)
    statement, ciphertext = on.made({})
    on.offer(statement)
    on.part(statement, ciphertext)
    wallet_id = on.wallet.chain.wallet_id
    verdict = Verdict(
        judgement=Judgement.OBJECTED,
        wallet_id=wallet_id,
        snapshot=parse_snapshot(statement, wallet_id).value.id,
        device=words.id,
        time_s=TIME_S,
    )
    raw = verdict.sign(words.signing_key)
    on.peer.say(Judge(wallet_id=wallet_id, judgement=Judgement.OBJECTED, verdict=raw))
    on.bench.commit()
    assert on.bench.relay.wallet(wallet_id).shelf.get(verdict.snapshot) is not None


# What a server takes back that it has lost.


def emptied(on: Scene) -> Scene:
    """Let the wallet be on a relay that has lost all of its entries."""
    on.bench = RelayBench()
    on.peer = on.bench.join(on.wallet)
    return on


def test_what_two_vouch_for_is_taken_back_and_rests_at_once() -> None:
    on = emptied(scene())
    statement, ciphertext = on.made()
    other = on.bench.join(on.wallet, on.friend)
    on.offer(statement, on.verdict(statement, on.friend))
    assert on.refusal() is None
    on.part(statement, ciphertext)
    wallet = on.bench.relay.wallet(on.wallet.chain.wallet_id)
    assert wallet.vector == {on.feed.id: on.cover()[on.feed.id][:2]}
    assert [held.is_resting for held in other.take(SnapshotHeld)] == [True]
    # The feed goes on behind it, and what it covers is not taken again.
    on.peer.events.clear()
    on.peer.push(on.wallet, on.wallet.seal(on.owner, on.feed, b"more").raw)
    on.bench.commit()
    assert on.peer.take(Refused) == []
    on.offer(on.made({})[0])
    assert on.refusal() is Reason.PRUNED


def test_one_of_the_two_may_have_left_since() -> None:
    on = scene()
    statement, _ = on.made()
    raw = on.verdict(statement, on.friend)
    on.wallet.revoke(on.friend)
    on = emptied(on)
    on.offer(statement, raw)
    assert on.refusal() is None


def test_what_one_alone_vouches_for_is_not_taken_back() -> None:
    on = emptied(scene())
    statement, _ = on.made()
    for verdicts in ((), (on.verdict(statement, on.owner),), (b"no verdict",)):
        on.offer(statement, *verdicts)
        assert on.refusal() is Reason.NOT_NEXT
    another, _ = on.made()
    on.offer(statement, on.verdict(another, on.friend))
    assert on.refusal() is Reason.NOT_NEXT


def test_an_author_who_was_alone_cannot_speak_for_devices_that_came_later() -> None:
    on = scene()
    mine = on.cover()
    theirs = {FeedId(b"\xff" * 16): Covered(4, EntryId(bytes(32)), on.friend.id)}
    on = emptied(on)
    on.offer(on.made(mine | theirs, k=0)[0])
    assert on.refusal() is Reason.NOT_NEXT
    on.offer(on.made(mine, k=0)[0])
    assert on.refusal() is None


def test_what_contradicts_an_entry_that_is_held_is_not_taken_back() -> None:
    on = scene()
    other_feed = {FeedId(b"\xff" * 16): Covered(4, EntryId(bytes(32)), on.owner.id)}
    statement, _ = on.made(replace_id(on.cover()) | other_feed)
    on.offer(statement, on.verdict(statement, on.friend))
    assert on.refusal() is Reason.NOT_NEXT
    stolen = {feed: one._replace(seq=9, device=on.friend.id) for feed, one in on.cover().items()}
    statement, _ = on.made(stolen)
    on.offer(statement, on.verdict(statement, on.friend))
    assert on.refusal() is Reason.NOT_NEXT


def test_what_came_while_it_was_brought_is_held_against_it_again() -> None:
    on = emptied(scene())
    cover = {**on.cover(1), FeedId(b"\xff" * 16): Covered(4, EntryId(bytes(32)), on.friend.id)}
    lie = {on.feed.id: cover[on.feed.id]._replace(id=EntryId(bytes(32)))}
    statement, ciphertext = on.made({**cover, **lie})
    on.offer(statement, on.verdict(statement, on.friend))
    assert on.refusal() is None
    fresh = TestFeed("owner")
    for _ in range(2):
        on.peer.push(on.wallet, on.wallet.seal(on.owner, fresh, b"change").raw)
    on.bench.commit()
    on.peer.events.clear()
    on.part(statement, ciphertext)
    assert on.refusal() is Reason.NOT_NEXT
    wallet = on.bench.relay.wallet(on.wallet.chain.wallet_id)
    assert wallet.shelf.get(SnapshotId(bytes(32))) is None
    assert wallet.shelf.base is None
