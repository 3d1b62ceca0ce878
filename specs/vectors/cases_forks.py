"""Vectors of forked feeds: which of two entries at one place stands, in whatever order they come.

Spec: 15-feeds.md
"""

from collections.abc import Iterable

from billfold_protocol.membership import Role, SetRole
from specs.vectors.scenarios import (
    BEN_LAPTOP,
    BEN_PHONE,
    LAPTOP,
    PHONE,
    Event,
    Scenario,
    Written,
)
from specs.vectors.wallets import Feed, Vector


def build() -> Iterable[Vector]:
    """Return the vectors of `feeds.json` that are about forks."""
    return [*_unsettled(), *_vouched(), *_settled(), *_not_forks()]


def _two(scenario: Scenario, feed: Feed) -> tuple[Written, Written]:
    """Write two entries at the next place of a feed, of which both arrive; the lower id first."""
    low, high = _pair(scenario, feed)
    scenario.forks += [low, high]
    return low, high


def _pair(scenario: Scenario, feed: Feed) -> tuple[Written, Written]:
    """Write two entries at the next place of a feed, the one with the lower id first."""
    first = scenario.write(feed)
    feed.heads.pop()
    second = scenario.write(feed, text=" again")
    feed.heads.pop()
    low, high = sorted([first, second], key=lambda written: written.entry.id)
    return low, high


def _after(scenario: Scenario, feed: Feed, head: Written, text: str = "") -> Written:
    """Write the entry that follows another one of its feed."""
    feed.heads[head.entry.seq :] = [head.dep]
    return scenario.write(feed, text=text)


def _unsettled() -> Iterable[Vector]:
    fork = Scenario("two-entries", "two entries at one place: the one with the lower id stands")
    feed = fork.open(BEN_PHONE)
    opening = fork.write(feed)
    low, high = _two(fork, feed)
    yield fork.ends([opening, high, low], counted=[opening, low], excluded=[high])
    branches = Scenario("two-branches", "each of the two goes on: what follows them goes with them")
    feed = branches.open(BEN_PHONE)
    opening = branches.write(feed)
    low, high = _two(branches, feed)
    lows = [_after(branches, feed, low)]
    highs = [_after(branches, feed, high, " again")]
    highs.append(branches.write(feed, text=" again"))
    yield branches.ends(
        [opening, high, *highs, low, *lows],
        counted=[opening, low, *lows],
        excluded=[high, *highs],
    )
    openings = Scenario("two-openings", "one feed is opened twice")
    low, high = _two(openings, openings.open(BEN_PHONE))
    yield openings.ends([high, low], counted=[low], excluded=[high])
    twice = Scenario("fork-in-a-fork", "the branch that stands forks again")
    feed = twice.open(BEN_PHONE)
    low, high = _two(twice, feed)
    feed.heads[:] = [low.dep]
    lower, higher = _two(twice, feed)
    yield twice.ends(
        [higher, lower, high, low],
        counted=[low, lower],
        excluded=[high, higher],
    )


def _vouched() -> Iterable[Vector]:
    vouched = Scenario("fork-vouched", "the branch that another device has built on stands")
    feed = vouched.open(BEN_PHONE)
    low, high = _two(vouched, feed)
    other = vouched.write(vouched.open(LAPTOP), high)
    yield vouched.ends([low, high, other], counted=[high, other], excluded=[low])
    most = Scenario("fork-vouched-by-most", "two devices against one, whose entries go too")
    feed = most.open(BEN_PHONE)
    low, high = _two(most, feed)
    laptop = most.open(LAPTOP)
    one = [most.write(laptop, low), most.write(laptop)]
    two = [most.write(most.open(PHONE), high), most.write(most.open(BEN_LAPTOP), high)]
    yield most.ends([low, *one, high, *two], counted=[high, *two], excluded=[low, *one])
    again = Scenario("fork-made-anew", "the one whose entries went goes on in a new feed")
    feed, laptop = again.open(BEN_PHONE), again.open(LAPTOP)
    start = again.write(laptop)
    low, high = _two(again, feed)
    gone = again.write(laptop, low)
    two = [again.write(again.open(PHONE), high), again.write(again.open(BEN_LAPTOP), high)]
    new = again.write(again.open(LAPTOP, name="laptop anew", previous=start), high)
    yield again.ends(
        [start, low, gone, high, *two, new],
        counted=[start, high, *two, new],
        excluded=[low, gone],
    )
    itself = Scenario("fork-vouched-by-itself", "another feed of the same device does not vouch")
    feed = itself.open(BEN_PHONE)
    low, high = _two(itself, feed)
    other = itself.write(itself.open(BEN_PHONE, name="ben phone second"), high)
    yield itself.ends([high, other, low], counted=[low], excluded=[high, other])
    deaf = Scenario("fork-vouched-beyond-a-cut", "who is cut does not vouch for a branch")
    feed = deaf.open(BEN_PHONE)
    low, high = _two(deaf, feed)
    other = deaf.write(deaf.open(BEN_LAPTOP), high)
    revoke = deaf.revoke(BEN_LAPTOP)
    yield deaf.ends([high, other, low, revoke], counted=[low], excluded=[high, other])


def _settled() -> Iterable[Vector]:
    for name, comment, index in (
        ("fork-settled-low", "a revoke names the one with the lower id", 0),
        ("fork-settled-high", "a revoke names the one with the higher id", 1),
    ):
        settled = Scenario(name, comment)
        feed = settled.open(BEN_PHONE)
        pair = _two(settled, feed)
        stands, falls = pair[index], pair[1 - index]
        follows = _after(settled, feed, stands, " on")
        # What others have built on the other one goes with it: they make it anew.
        others = [settled.write(settled.open(device), falls) for device in (PHONE, BEN_LAPTOP)]
        revoke = settled.revoke(BEN_PHONE, follows)
        events: list[Event] = [*pair, follows, *others, revoke]
        yield settled.ends(events, counted=[stands, follows], excluded=[falls, *others])
    newest = Scenario("fork-settled-twice", "of two cuts the newest one names what stands")
    feed = newest.open(BEN_PHONE)
    low, high = _two(newest, feed)
    cuts = [{head.dep.feed: (head.dep.seq, head.dep.id)} for head in (low, high)]
    demote = newest.append(
        "demote", LAPTOP, SetRole(device=BEN_PHONE.id, role=Role.VIEWER, cut=cuts[0])
    )
    promote = newest.append(
        "promote", LAPTOP, SetRole(device=BEN_PHONE.id, role=Role.EDITOR, cut={})
    )
    voucher = newest.write(newest.open(PHONE), high)
    revoke = newest.revoke(BEN_PHONE, high)
    yield newest.ends(
        [low, high, demote, promote, voucher, revoke],
        counted=[high, voucher],
        excluded=[low],
    )
    longer = Scenario("fork-cut-before-its-end", "a cut on a branch that goes on beyond it")
    feed = longer.open(BEN_PHONE)
    low, high = _two(longer, feed)
    beyond = [_after(longer, feed, high), longer.write(feed)]
    short = _after(longer, feed, low, " again")
    revoke = longer.revoke(BEN_PHONE, beyond[0])
    yield longer.ends(
        [low, short, high, *beyond, revoke],
        counted=[high, beyond[0]],
        excluded=[low, short, beyond[1]],
    )
    unheld = Scenario("cut-at-an-absent-branch", "the cut names an entry that is not here")
    feed = unheld.open(BEN_PHONE)
    first = unheld.write(feed)
    held, named = _pair(unheld, feed)
    revoke = unheld.revoke(BEN_PHONE, named)
    yield unheld.ends([first, held, revoke], counted=[first], excluded=[held])


def _not_forks() -> Iterable[Vector]:
    forged = Scenario("forged-fork", "an entry at a taken place that its author did not sign")
    feed = forged.open(PHONE)
    first, second = _pair(forged, feed)
    second = forged.change(second, signer=BEN_PHONE)
    yield forged.ends([first, second], counted=[first], refused=[(second, "AuthFailed")])
    named = Scenario("named-fork", "an entry waits for the one of two that is not here")
    feed, laptop = named.open(BEN_PHONE), named.open(LAPTOP)
    first, second = _pair(named, feed)
    entry = named.write(laptop, second)
    yield named.ends([first, entry], counted=[first], waiting=[entry], missing=[second.dep])
