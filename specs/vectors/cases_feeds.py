"""Vectors of feeds: order, waiting and refusals; of cuts and forks there are more beside.

Spec: 15-feeds.md
"""

from collections.abc import Iterable

from billfold_protocol.ids import ChainHead
from specs.vectors import story
from specs.vectors.scenarios import (
    BASE_LENGTH,
    BEN_PHONE,
    BEN_TABLET,
    LAPTOP,
    PHONE,
    Scenario,
)
from specs.vectors.wallets import Vector, secret


def build() -> Iterable[Vector]:
    """Return the vectors of `feeds.json` without cuts and forks."""
    return [*_in_order(), *_waiting(), *_not_members(), *_wrong_entries()]


def _in_order() -> Iterable[Vector]:
    one = Scenario("one-feed", "three entries of one feed")
    entries = one.run(one.open(LAPTOP), 3)
    yield one.ends(entries, counted=entries)
    back = Scenario("backwards", "three entries that arrive from the newest to the oldest")
    entries = back.run(back.open(LAPTOP), 3)
    yield back.ends(reversed(entries), counted=entries)
    twice = Scenario("twice", "entries that arrive again count once")
    entries = twice.run(twice.open(LAPTOP), 2)
    yield twice.ends([*entries, *entries], counted=entries)
    across = Scenario("across", "entries of two feeds that build on one another in turn")
    laptop, phone = across.open(LAPTOP), across.open(PHONE)
    first = across.write(laptop)
    second = across.write(phone, first)
    third = across.write(laptop, second)
    yield across.ends([third, second, first], counted=[first, second, third])
    again = Scenario("resealed", "an entry that arrives sealed for two epochs is one entry")
    feed = again.open(LAPTOP)
    first = again.write(feed)
    rotate = again.rotate()
    feed.heads.pop()
    resealed = again.write(feed)
    second = again.write(feed)
    yield again.ends([rotate, first, resealed, second], counted=[resealed, second])
    older = Scenario("older-state", "an entry that names an older state than the one before it")
    before = older.wallet.state
    rotate = older.rotate()
    feed = older.open(LAPTOP)
    entries = [older.write(feed), older.write(feed, state=before)]
    yield older.ends([rotate, *entries], counted=entries)
    either = Scenario(
        "resealed-and-older", "the next entry names the state of the first of two envelopes"
    )
    feed, before = either.open(LAPTOP), either.wallet.state
    first = either.write(feed)
    rotate = either.rotate()
    feed.heads.pop()
    resealed = either.write(feed)
    second = either.write(feed, state=before)
    yield either.ends([rotate, resealed, first, second], counted=[resealed, second])
    opened = Scenario("second-feed", "a device's second feed names the head of its first")
    old = opened.run(opened.open(PHONE), 2)
    new = opened.write(opened.open(PHONE, name="phone restored", previous=old[1]))
    yield opened.ends([new, *old], counted=[*old, new])


def _waiting() -> Iterable[Vector]:
    gap = Scenario("gap", "the second of three entries is missing: the third waits")
    entries = gap.run(gap.open(LAPTOP), 3)
    yield gap.ends(
        [entries[0], entries[2]],
        counted=entries[:1],
        waiting=entries[2:],
        missing=[entries[1].dep],
    )
    dep = Scenario("dep-missing", "an entry waits for one of another feed, and its own next too")
    laptop, phone = dep.open(LAPTOP), dep.open(PHONE)
    named = dep.write(laptop)
    entries = [dep.write(phone, named), dep.write(phone)]
    yield dep.ends(
        entries, waiting=entries, missing=sorted({named.dep, entries[0].dep}), counted=[]
    )
    future = Scenario("future-state", "an entry waits for the membership entry that it names")
    first = future.write(future.open(LAPTOP))
    future.rotate()
    later = future.write(future.open(PHONE))
    yield future.ends([first, later], counted=[first], waiting=[later], missing_membership=5)
    grown = Scenario("state-arrives", "the membership entry comes, and what waited for it counts")
    first = grown.write(grown.open(LAPTOP))
    rotate = grown.rotate()
    later = grown.write(grown.open(PHONE), first)
    yield grown.ends([later, first, rotate], counted=[first, later])
    joins = Scenario("author-joins", "an entry of a device whose link has not arrived")
    joins.wallet = story.until(joins.wallet, BASE_LENGTH)
    link = joins.append("link helper", PHONE, joins.wallet.link(PHONE, story.HELPER))
    entry = joins.write(joins.open(story.HELPER))
    yield joins.ends([entry, link], counted=[entry])
    previous = Scenario("previous-missing", "a second feed waits for the head that it names")
    old = previous.write(previous.open(PHONE))
    new = previous.write(previous.open(PHONE, name="phone restored", previous=old))
    yield previous.ends([new], waiting=[new], missing=[old.dep])


def _not_members() -> Iterable[Vector]:
    for name, comment, device, expect in (
        ("viewer", "a viewer writes", BEN_TABLET, "NotAuthorised"),
        ("stranger", "a device that never was a member writes", story.STRANGER, "UnsignedMember"),
    ):
        scenario = Scenario(name, comment)
        entry = scenario.write(scenario.open(device))
        yield scenario.ends([entry], refused=[(entry, expect)])
    early = Scenario("before-joining", "an entry under a state in which its author was no member")
    entry = early.write(early.open(BEN_PHONE), state=early.wallet.chain.state_at(1))
    yield early.ends([entry], refused=[(entry, "UnsignedMember")])
    gone = Scenario("after-revoke", "an entry under a state in which its author was revoked")
    feed = gone.open(BEN_PHONE)
    first = gone.write(feed)
    revoke = gone.revoke(BEN_PHONE, first)
    entry = gone.write(feed)
    yield gone.ends([revoke, first, entry], counted=[first], refused=[(entry, "DeviceRevoked")])
    other = Scenario("others-feed", "Ben opens a feed in the name of the phone")
    feed = other.open(PHONE)
    entry = other.change(other.write(feed), signer=BEN_PHONE)
    yield other.ends([entry], refused=[(entry, "AuthFailed")])
    taken = Scenario("others-next", "Ben continues the phone's feed")
    feed = taken.open(PHONE)
    first = taken.write(feed)
    entry = taken.change(taken.write(feed), signer=BEN_PHONE)
    yield taken.ends([first, entry], counted=[first], refused=[(entry, "AuthFailed")])


def _wrong_entries() -> Iterable[Vector]:
    sealed = Scenario("other-epoch", "an entry that names a newer state than its epoch")
    feed = sealed.open(LAPTOP)
    old = sealed.write(feed)
    rotate = sealed.rotate()
    state = sealed.wallet.state
    entry = sealed.change(old, signer=LAPTOP, k=state.k, head=state.head)
    yield sealed.ends([rotate, entry], refused=[(entry, "UnknownEpoch")])
    future = Scenario("other-document", "an entry of a document that there is not")
    entry = future.change(future.write(future.open(LAPTOP)), signer=LAPTOP, document=1)
    yield future.ends([entry], refused=[(entry, "UnknownEpoch")])
    claims = Scenario("previous-of-another", "an opening that names another device's feed as its")
    old = claims.write(claims.open(PHONE))
    new = claims.write(claims.open(BEN_PHONE, name="ben phone claims", previous=old))
    yield claims.ends([old, new], counted=[old], refused=[(new, "WrongContext")])
    fork = Scenario("other-chain", "an entry that names another membership entry at its index")
    entry = fork.write(fork.open(LAPTOP))
    entry = fork.change(entry, signer=LAPTOP, head=ChainHead(secret("another head", 16)))
    yield fork.ends([entry], refused=[(entry, "ChainFork")])
