"""Vectors of cuts: what a revoke leaves, what vouching saves, and that the order does not matter.

Spec: 15-feeds.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol.membership import Role, SetRole, Target, TargetKind
from specs.vectors import story
from specs.vectors.cases_merging import merge_of
from specs.vectors.scenarios import (
    BEN_LAPTOP,
    BEN_PHONE,
    LAPTOP,
    PHONE,
    Appended,
    Event,
    Scenario,
    Written,
)
from specs.vectors.wallets import Vector, Wallet


def build() -> Iterable[Vector]:
    """Return the vectors of `feeds.json` that are about cuts."""
    return [
        *_cuts(),
        *_vouching(),
        *_backdating(),
        *_demotions(),
        *_envelopes(),
        *_branches(),
    ]


def _role(scenario: Scenario, role: Role, *heads: Written) -> Appended:
    cut = {head.dep.feed: (head.dep.seq, head.dep.id) for head in heads}
    payload = SetRole(device=BEN_PHONE.id, role=role, cut=cut)
    return scenario.append(f"{role.value} ben phone", LAPTOP, payload)


def _cuts() -> Iterable[Vector]:
    for name, comment in (
        ("cut", "entries up to the cut count, the one beyond does not"),
        ("cut-after", "the same, with the revoke arriving last"),
    ):
        cut = Scenario(name, comment)
        entries = cut.run(cut.open(BEN_PHONE), 3)
        revoke = cut.revoke(BEN_PHONE, entries[1])
        events: list[Event] = [revoke, *entries] if name == "cut" else [*entries, revoke]
        yield cut.ends(events, counted=entries[:2], excluded=entries[2:])
    empty = Scenario("empty-cut", "a cut that names no feed leaves nothing")
    entries = empty.run(empty.open(BEN_PHONE), 2)
    yield empty.ends([*entries, empty.revoke(BEN_PHONE)], excluded=entries)
    whole = Scenario("cut-at-the-head", "a cut that names the newest entry takes nothing")
    entries = whole.run(whole.open(BEN_PHONE), 3)
    yield whole.ends([*entries, whole.revoke(BEN_PHONE, entries[2])], counted=entries)
    two = Scenario("cut-of-two-feeds", "a cut names each feed of the device; one it does not know")
    old = two.run(two.open(BEN_PHONE), 2)
    new = two.run(two.open(BEN_PHONE, name="ben phone restored", previous=old[1]), 2)
    hidden = two.run(two.open(BEN_PHONE, name="ben phone hidden"), 1)
    revoke = two.revoke(BEN_PHONE, old[1], new[0])
    yield two.ends(
        [*old, *new, *hidden, revoke],
        counted=[*old, new[0]],
        excluded=[new[1], *hidden],
    )
    other = Scenario("cut-at-another-id", "another entry stands at the place that the cut names")
    feed = other.open(BEN_PHONE)
    first = other.write(feed)
    second = other.write(feed)
    feed.heads.pop()
    named = other.write(feed, text=" again")
    revoke = other.revoke(BEN_PHONE, named)
    yield other.ends([first, second, revoke], counted=[first], excluded=[second])
    bystander = Scenario("cut-of-one-device", "the holder's other device writes on")
    phone = bystander.run(bystander.open(BEN_PHONE), 2)
    laptop = bystander.open(BEN_LAPTOP)
    before = bystander.write(laptop)
    revoke = bystander.revoke(BEN_PHONE, phone[0])
    after = bystander.write(laptop)
    yield bystander.ends(
        [*phone, before, revoke, after], counted=[phone[0], before, after], excluded=[phone[1]]
    )


def _vouching() -> Iterable[Vector]:
    for name, comment in (
        ("vouched", "an entry beyond the cut that another writer has built on counts"),
        ("vouched-late", "the same, with the voucher arriving last"),
        ("vouched-first", "the same, with the revoke arriving last"),
    ):
        vouched = Scenario(name, comment)
        entries = vouched.run(vouched.open(BEN_PHONE), 3)
        voucher = vouched.write(vouched.open(PHONE), entries[1])
        revoke = vouched.revoke(BEN_PHONE, entries[0])
        orders: dict[str, list[Event]] = {
            "vouched": [*entries, voucher, revoke],
            "vouched-late": [*entries, revoke, voucher],
            "vouched-first": [voucher, *reversed(entries), revoke],
        }
        yield vouched.ends(orders[name], counted=[*entries[:2], voucher], excluded=entries[2:])
    act = Scenario("first-act", "a writer that had applied such entries names them on learning")
    entries = act.run(act.open(BEN_PHONE), 3)
    revoke = act.revoke(BEN_PHONE, entries[0])
    voucher = act.write(act.open(PHONE), entries[2])
    yield act.ends([*entries, revoke, voucher], counted=[*entries, voucher])
    chain = Scenario("vouched-through", "vouching reaches through entries that stand and do not")
    ben, tablet = chain.open(BEN_PHONE), chain.open(BEN_LAPTOP)
    first = chain.write(ben)
    second = chain.write(tablet, first)
    third = chain.write(ben, second)
    fourth = chain.write(tablet, third)
    voucher = chain.write(chain.open(LAPTOP), third)
    target = Target(TargetKind.HOLDER, BEN_PHONE.holder)
    chain.wallet.begin_epoch(LAPTOP, chain.wallet.revocation(LAPTOP, target, {}))
    revoke = Appended("revoke ben", chain.wallet.chain.raws[-1])
    yield chain.ends(
        [first, second, third, fourth, voucher, revoke],
        counted=[first, second, third, voucher],
        excluded=[fourth],
    )
    among = Scenario("vouched-by-the-cut", "devices that are cut do not vouch for one another")
    ben, tablet = among.open(BEN_PHONE), among.open(BEN_LAPTOP)
    first, second = among.write(ben), among.write(tablet)
    third = among.write(ben, second)
    fourth = among.write(tablet, third)
    cut = {item.dep.feed: (item.dep.seq, item.dep.id) for item in (first,)}
    among.wallet.begin_epoch(LAPTOP, among.wallet.revocation(LAPTOP, target, cut))
    revoke = Appended("revoke ben", among.wallet.chain.raws[-1])
    yield among.ends(
        [first, second, third, fourth, revoke],
        counted=[first],
        excluded=[second, third, fourth],
    )
    stands = Scenario("vouched-by-its-past", "an entry up to the cut saves what it builds on")
    ben, tablet = stands.open(BEN_PHONE), stands.open(BEN_LAPTOP)
    hidden = stands.write(tablet)
    named = stands.write(ben, hidden)
    beyond = stands.write(tablet)
    cut = {named.dep.feed: (named.dep.seq, named.dep.id)}
    stands.wallet.begin_epoch(LAPTOP, stands.wallet.revocation(LAPTOP, target, cut))
    revoke = Appended("revoke ben", stands.wallet.chain.raws[-1])
    yield stands.ends([hidden, named, beyond, revoke], counted=[hidden, named], excluded=[beyond])


def _backdating() -> Iterable[Vector]:
    late = Scenario("backdated", "after its revoke a device writes under the state before it")
    feed = late.open(BEN_PHONE)
    entries = late.run(feed, 2)
    before = late.wallet.state
    revoke = late.revoke(BEN_PHONE, entries[1])
    forged = late.write(feed, state=before)
    yield late.ends([*entries, revoke, forged], counted=entries, excluded=[forged])
    opened = Scenario("backdated-feed", "after its revoke a device opens a feed under that state")
    entries = opened.run(opened.open(BEN_PHONE), 2)
    before = opened.wallet.state
    revoke = opened.revoke(BEN_PHONE, entries[1])
    hidden = opened.open(BEN_PHONE, name="ben phone hidden", previous=entries[1])
    forged = opened.write(hidden, state=before)
    yield opened.ends([*entries, revoke, forged], counted=entries, excluded=[forged])
    far = Scenario("backdated-far", "under the state at which the device joined")
    feed = far.open(BEN_PHONE)
    first = far.write(feed, state=far.wallet.chain.state_at(2))
    revoke = far.revoke(BEN_PHONE, first)
    forged = far.write(feed, state=far.wallet.chain.state_at(2))
    yield far.ends([first, revoke, forged], counted=[first], excluded=[forged])
    shown = Scenario("backdated-shown", "one device was shown it before the revoke and built on it")
    feed = shown.open(BEN_PHONE)
    first = shown.write(feed)
    before = shown.wallet.state
    revoke = shown.revoke(BEN_PHONE, first)
    forged = shown.write(feed, state=before)
    voucher = shown.write(shown.open(PHONE), forged, state=before)
    yield shown.ends([first, revoke, forged, voucher], counted=[first, forged, voucher])
    waiting = Scenario("backdated-waiting", "what it builds on is missing: it waits, cut or not")
    feed = waiting.open(BEN_PHONE)
    entries = waiting.run(feed, 3)
    revoke = waiting.revoke(BEN_PHONE, entries[0])
    yield waiting.ends(
        [entries[0], revoke, entries[2]],
        counted=entries[:1],
        waiting=entries[2:],
        missing=[entries[1].dep],
    )


def _demotions() -> Iterable[Vector]:
    down = Scenario("demoted", "a demotion cuts like a revoke, and later entries are refused")
    feed = down.open(BEN_PHONE)
    entries = down.run(feed, 2)
    demote = _role(down, Role.VIEWER, entries[0])
    late = down.write(feed)
    yield down.ends(
        [demote, *entries, late],
        counted=entries[:1],
        excluded=entries[1:],
        refused=[(late, "NotAuthorised")],
    )
    again = Scenario("promoted-again", "a writer again: what it makes vouches for what it follows")
    feed = again.open(BEN_PHONE)
    entries = again.run(feed, 2)
    demote = _role(again, Role.VIEWER, entries[0])
    promote = _role(again, Role.EDITOR)
    yield again.ends([*entries, demote, promote], counted=entries[:1], excluded=entries[1:])
    follows = Scenario("promoted-and-writes", "and then writes on from the entry beyond the cut")
    feed = follows.open(BEN_PHONE)
    entries = follows.run(feed, 2)
    demote = _role(follows, Role.VIEWER, entries[0])
    promote = _role(follows, Role.EDITOR)
    third = follows.write(feed)
    yield follows.ends([*entries, demote, promote, third], counted=[*entries, third])
    twice = Scenario("cut-twice", "demoted, promoted and revoked: each cut takes what is beyond it")
    feed = twice.open(BEN_PHONE)
    entries = twice.run(feed, 3)
    demote = _role(twice, Role.VIEWER, entries[1])
    promote = _role(twice, Role.EDITOR)
    revoke = twice.revoke(BEN_PHONE, entries[0])
    yield twice.ends([*entries, demote, promote, revoke], counted=entries[:1], excluded=entries[1:])


def _other_branch(scenario: Scenario, rotations_count: int) -> Wallet:
    """Return the wallet as it goes on elsewhere, with so many new epochs."""
    base = story.until(scenario.wallet, len(scenario.wallet.chain))
    other = replace(base, name=f"base {scenario.name}")
    for _ in range(rotations_count):
        other.rotate(PHONE)
    return other


def _merge(scenario: Scenario, other: Wallet) -> Appended:
    scenario.wallet.keys.update(other.keys)
    payload = merge_of(scenario.wallet, other)
    scenario.wallet.begin_epoch(LAPTOP, payload)
    return Appended("merge", scenario.wallet.chain.raws[-1])


def _branches() -> Iterable[Vector]:
    """A cut on one branch of a chain, and entries made on the other."""
    for name, comment in (
        ("cut-on-another-branch", "written on the other branch, where the index is larger"),
        ("cut-on-another-branch-vouched", "the same, and another writer there built on it"),
    ):
        cut = Scenario(name, comment)
        feed = cut.open(BEN_PHONE)
        first = cut.write(feed)
        other = _other_branch(cut, 2)
        cut.wallet.keys.update(other.keys)
        late = cut.write(feed, state=other.state)
        events: list[Event] = [first, cut.revoke(BEN_PHONE, first), _merge(cut, other), late]
        if name == "cut-on-another-branch":
            yield cut.ends(events, counted=[first], excluded=[late])
        else:
            voucher = cut.write(cut.open(PHONE), late, state=other.state)
            yield cut.ends([*events, voucher], counted=[first, late, voucher])
    again = Scenario("promoted-on-a-longer-branch", "its cut has a larger index than the merge")
    feed = again.open(BEN_PHONE)
    first = again.write(feed)
    other = _other_branch(again, 2)
    for role in (Role.VIEWER, Role.EDITOR):
        heads = {first.dep.feed: (first.dep.seq, first.dep.id)} if role is Role.VIEWER else {}
        other.add(LAPTOP, SetRole(device=BEN_PHONE.id, role=role, cut=heads))
    rotate = again.rotate()
    merge = _merge(again, other)
    late = again.write(feed)
    yield again.ends([first, rotate, merge, late], counted=[first, late])


def _envelopes() -> Iterable[Vector]:
    """An entry that was sealed again is beyond a cut only if every envelope of it is."""
    for name, comment in (
        ("resealed-after-cut", "sealed again by one who may write again: not beyond the cut"),
        ("resealed-after-cut-late", "the same, with that envelope arriving last"),
        ("resealed-after-cut-first", "the same, with that envelope arriving first"),
    ):
        again = Scenario(name, comment)
        feed = again.open(BEN_PHONE)
        first = again.write(feed)
        demote, promote = _role(again, Role.VIEWER), _role(again, Role.EDITOR)
        feed.heads.pop()
        resealed = again.write(feed)
        orders: dict[str, list[Event]] = {
            "resealed-after-cut": [first, demote, promote, resealed],
            "resealed-after-cut-late": [demote, promote, first, resealed],
            "resealed-after-cut-first": [resealed, demote, promote, first],
        }
        yield again.ends(orders[name], counted=[first])
    before = Scenario("resealed-before-cut", "both envelopes were sealed before the cut")
    feed = before.open(BEN_PHONE)
    first = before.write(feed)
    rotate = before.rotate()
    feed.heads.pop()
    resealed = before.write(feed)
    demote, promote = _role(before, Role.VIEWER), _role(before, Role.EDITOR)
    yield before.ends([first, rotate, resealed, demote, promote], excluded=[first])
    kept = Scenario("resealed-and-voucher-cut", "it counts by itself when its voucher is cut")
    feed, voucher_feed = kept.open(BEN_PHONE), kept.open(BEN_LAPTOP)
    first = kept.write(feed)
    state = kept.wallet.state
    demote = _role(kept, Role.VIEWER)
    voucher = kept.write(voucher_feed, first, state=state)
    promote = _role(kept, Role.EDITOR)
    feed.heads.pop()
    resealed = kept.write(feed)
    revoke = kept.revoke(BEN_LAPTOP)
    yield kept.ends(
        [first, voucher, demote, promote, resealed, revoke], counted=[first], excluded=[voucher]
    )
