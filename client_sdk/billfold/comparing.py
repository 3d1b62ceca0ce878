"""Holding what the server signed against what is here, and giving back what it has lost.

    subscribed ─► caught up ─┬─ same heads ───────────────────────────────────────► agreed
                             └─ else: ask the state ─┬─ it lacks: offer, ask again ─┤
                                                     └─ it has more: compare once ──┘

Every answer is held against what was kept of the server before, and against what other devices
have said that they saw. Only agreement and what cannot be cured end this.

Spec: 21-sync.md
"""

from collections.abc import Callable

from billfold.accusing import GAP, STALE, Accuser, Later
from billfold.beacons import hear, own_beacon
from billfold.evidence import (
    KeptCheckpoint,
    current_checkpoint,
    drop_ack,
    freshness,
    had_chain_beyond,
    keep_checkpoint,
    keep_newest_ack,
    read_ack,
    read_checkpoint,
)
from billfold.findings import carried_proofs
from billfold.healing import lacking, offered_ids, offers, questions, questions_aside
from billfold.homes import ARRIVING, HEALING_KEY, heard_at_home, may_have_forgotten
from billfold.line import Line
from billfold.wrap_keeping import kept_wraps
from billfold_protocol import codec
from billfold_protocol.client_session import Accepted, Acked, StateShown
from billfold_protocol.feed import (
    Dep,
    Rejection,
    Vector,
    acked_state,
    contradiction,
    lost_heads,
    statement_hash,
    vector_hash,
)
from billfold_protocol.ids import DeviceId, EntryId
from billfold_protocol.membership import membership_hash
from billfold_protocol.messages import Append, Compare, Remind, SendBeacon

GiveBack = Callable[[Vector, Callable[[], None]], bool]
"""Gives a server with these heads the snapshot that it has lost; False if it has lost none."""

REFRESH_COUNT = 256
"""Arrivals after which the server is asked to sign what it holds."""

REFRESH_MS = 2000
"""How long after the last such question an ack is followed by another, when all is acked."""

ASKS_COUNT_MAX = 64
"""How often one connection asks without agreement between."""


class Comparison:
    """What one connection shows of the server's state."""

    def __init__(self, line: Line, give_back: GiveBack) -> None:
        self._line = line
        self._give_back = give_back
        self._accuser = Accuser(line)
        self._later: Later | None = None
        self._is_asking = self._has_compared = False
        self._asks_count = 0
        self._asked_about: dict[DeviceId, bytes] = {}
        """The heads of which each device's beacon last made this one ask."""

        self._hidden_k: int | None = None
        """The hidden membership entry that last made this one ask."""

        self._n = self._agreed_n = self._asked_ms = 0
        self._offered: set[EntryId] = set()
        """Membership entries that the server had lost, on their way to it again."""

        self._returning: set[EntryId] = set()
        """Feed entries likewise; the newest of each feed."""

        self._lost: list[Dep] = []
        """What the server lacked when it was last offered something."""

        self._is_parting = self._must_ask_again = self._is_judged = False
        self.is_settled = False
        """Whether everything that a former home holds is here."""

    @property
    def is_offering_members(self) -> bool:
        """Whether membership entries are on their way to a server that had lost them."""
        return bool(self._offered)

    def accepted(self, accepted: Accepted) -> None:
        """Take the checkpoint by which the subscription stands."""
        checkpoint = accepted.checkpoint
        self._later = Later(
            checkpoint=checkpoint,
            raw=accepted.checkpoint_raw,
            vector=None,
            freshness=self._line.freshness,
        )
        # Else the chain comes first: the wallet may have left this server long ago.
        self._is_judged = checkpoint.k < len(self._line.replica.core.chain)
        if self._is_judged:
            self._judge(self._later)

    def part(self) -> None:
        """See whether all that the server holds is here: the wallet lives elsewhere now."""
        if not self._is_parting:
            self._is_parting = True
            # What is answered now may have been asked before the server knew it.
            self._must_ask_again = self._is_asking
            self._ask()

    def appended(self) -> bool:
        """Take note that a membership entry is durable; False if it is none that was offered."""
        # The answer does not say which entry it is about; what was offered went first.
        if not self._offered:
            return False
        self._offered.pop()
        return True

    def acked(self, acked: Acked) -> None:
        """Keep the ack of the newest own entry; see whether the server is filled again."""
        replica, key = self._line.replica, self._line.home.key
        newest = replica.acked(acked.ack.ids)
        if newest is not None:
            keep_newest_ack(replica, key, acked.ack_raw, newest)
        self._returned(acked.ack.ids)
        self.advanced(acked.ack.n)
        if replica.unsynced_count == 0:
            self.refresh()

    def refused(self, rejection: Rejection) -> None:
        """Take note of what the server refused."""
        self._offered.difference_update(rejection.ids)
        self._returned(rejection.ids)

    def advanced(self, n: int) -> None:
        """Take note of the server's arrival number; have it sign what it holds now and then."""
        self._n = max(self._n, n)
        if self._line.is_live and self._agreed_n and n >= self._agreed_n + REFRESH_COUNT:
            self._agreed_n = n
            self._ask()

    def look(self) -> None:
        """Ask at once when an entry is made under a membership entry that is not here."""
        graph = self._line.replica.core.graph
        if self._line.is_live and graph.is_behind and graph.missing_membership != self._hidden_k:
            self._hidden_k = graph.missing_membership
            self._ask()

    def refresh(self) -> None:
        """Have the server sign what it holds, if it has grown and was not asked just now."""
        now_ms = self._line.replica.core.now_ms()
        is_due = abs(now_ms - self._asked_ms) >= REFRESH_MS
        if self._line.is_live and self._n > self._agreed_n > 0 and is_due:
            self._ask()

    def caught_up(self, n: int) -> None:
        """Compare what is here with what the server signed."""
        replica, later = self._line.replica, self._later
        if later is not None and not self._is_judged:
            self._is_judged = True
            self._judge(later)
        mine = replica.vector_on_server()
        is_same = (
            later is not None
            and later.checkpoint.n == n
            and later.checkpoint.vector_hash == vector_hash(mine)
        )
        if is_same and not replica.core.graph.missing and not self._has_compared:
            assert later is not None
            self._take_state(
                Later(
                    checkpoint=later.checkpoint,
                    raw=later.raw,
                    vector=mine,
                    freshness=later.freshness,
                )
            )
        else:
            self._ask()

    def state_shown(self, shown: StateShown) -> None:
        """Take what the server says, and signs, that it holds."""
        self._is_asking = False
        if self._must_ask_again:
            self._must_ask_again = False
            self._ask()
            return
        self._take_state(
            Later(
                checkpoint=shown.checkpoint,
                raw=shown.checkpoint_raw,
                vector=shown.vector,
                freshness=self._line.freshness,
            )
        )
        self.send_beacon()

    def heard(self, raw: bytes) -> None:
        """Take another device's beacon, and what it has proven; ask for what it names."""
        replica = self._line.replica
        beacon = hear(replica, raw)
        if beacon is None:
            return
        for proof in beacon.proofs:
            self._accuser.heard(proof)
        if not self._line.is_live or not lost_heads(beacon.vector, replica.vector):
            return
        # Once for the same heads: two devices that were told different things would not end.
        named = vector_hash(beacon.vector)
        if self._asked_about.get(beacon.device) != named:
            self._asked_about[beacon.device] = named
            self._ask()

    def send_beacon(self) -> None:
        """Tell the wallet's other devices what this one has seen, and has proven."""
        line, replica = self._line, self._line.replica
        if not line.is_live or not line.is_home or replica.is_removed:
            return
        if replica.meta(HEALING_KEY) == ARRIVING:
            # What is known to be on the server before it is not known to be on this one.
            return
        beacon = own_beacon(
            replica,
            checkpoint=current_checkpoint(replica, line.home.key),
            # Of a copy of itself a device tells in its own way: by a new feed.
            proofs=carried_proofs(replica, passing_over=replica.core.device_id),
        )
        line.send(SendBeacon(wallet_id=replica.wallet_id, beacon=beacon))

    def _ask(self) -> None:
        """Have the server sign what it holds now; one question is under way at a time."""
        line = self._line
        if self._is_asking or self._asks_count >= ASKS_COUNT_MAX:
            return
        self._is_asking = True
        self._asked_ms = line.replica.core.now_ms()
        self._asks_count += 1
        line.freshness = freshness(line.replica, line.home.key, line.random(32))
        frame = line.session.ask_state(line.replica.wallet_id, line.freshness.nonce)
        line.outgoing.append(frame)

    def _take_state(self, later: Later) -> None:
        line, replica, theirs = self._line, self._line.replica, later.vector
        assert theirs is not None
        self._judge(later)
        keep_checkpoint(replica, line.home.key, later.raw, theirs)
        drop_ack(replica, line.home.key)
        # Only the home is given what it lacks.
        if line.is_home and self._give_back(theirs, self._ask):
            return
        lost = lacking(replica, theirs) if line.is_home else []
        if lost and lost != self._lost:
            # What did not get on by being offered once does not by being offered again.
            self._lost = lost
            self._returning = offered_ids(replica, theirs)
            for offer in offers(replica, theirs):
                line.send(offer)
            for question in questions(replica, theirs):
                line.send(question)
            if self._returning:
                return
        is_ahead = bool(lost_heads(theirs, replica.vector)) or bool(replica.core.graph.missing)
        if is_ahead and not self._has_compared:
            self._has_compared = True
            line.send(Compare(wallet_id=replica.wallet_id, vector=replica.vector_on_server()))
            return
        if not line.is_home:
            self.is_settled = True
            return
        if missing := replica.core.graph.missing:
            self._accuser.once("Gap", GAP, missing[0].id)
        if (hidden_k := replica.core.graph.missing_membership) is not None:
            # An entry is made under a membership entry that the server does not show.
            self._accuser.once("StaleServer", STALE, codec.encode(hidden_k))
        if self._has_compared:
            self._judge_given()
        if not lost:
            self._agreed(later)

    def _agreed(self, later: Later) -> None:
        """Take note that the server holds all that is known to be on it."""
        replica = self._line.replica
        if not self._agreed_n:
            # Once on each connection: the server may have been given another one meanwhile.
            for question in questions_aside(replica):
                self._line.send(question)
        self._agreed_n, self._asks_count = max(1, later.checkpoint.n), 0
        if replica.meta(HEALING_KEY) is not None:
            replica.put_meta(HEALING_KEY, None)

    def _judge(self, later: Later) -> None:
        """Hold a statement against everything that is known of the server."""
        line, replica = self._line, self._line.replica
        if may_have_forgotten(replica, line.home.key, now_s=later.checkpoint.time_s):
            return
        kept = read_checkpoint(replica, line.home.key)
        is_wrong = False
        if kept is not None:
            is_ordered = later.freshness.follows(kept.raw)
            pair = (kept.checkpoint, later.checkpoint)
            if contradiction(*pair, is_ordered=is_ordered) is not None:
                is_wrong = True
                self._accuser.rollback(kept, later, with_heads=False)
            elif later.vector is not None:
                heads = (kept.vector, later.vector)
                is_wrong = contradiction(*pair, heads=heads, is_ordered=is_ordered) is not None
                if is_wrong:
                    self._accuser.rollback(kept, later, with_heads=True)
        ack = read_ack(replica, line.home.key)
        if ack is not None and not is_wrong:
            is_ordered = later.freshness.follows(ack.raw)
            said = acked_state(ack.ack)
            if contradiction(said, later.checkpoint, is_ordered=is_ordered) is not None:
                is_wrong = True
                self._accuser.rollback_since_ack(ack, kept, later)
        if line.was_forgotten and not is_wrong:
            is_wrong = True
            self._accuser.unproven_rollback(kept, later)
        line.was_forgotten = False
        if is_wrong:
            replica.put_meta(HEALING_KEY, b"\x01")
        if later.vector is not None and line.is_home:
            self._judge_held(later, later.vector, kept)
            self._judge_heard(later, later.vector)

    def _judge_held(self, later: Later, theirs: Vector, kept: KeptCheckpoint | None) -> None:
        """Hold the server's heads against what it has given and acknowledged."""
        replica = self._line.replica
        lost = lost_heads(replica.vector_on_server(), theirs)
        if not lost:
            return
        ack = read_ack(replica, self._line.home.key)
        is_held = kept is not None or ack is not None
        if is_held and replica.meta(HEALING_KEY) is None:
            feeds = [dep.feed for dep in lost]
            # What a snapshot covers is not here any more as an entry that would prove it.
            is_here = ack is not None and ack.entry.seq >= replica.core.graph.first_held(
                ack.entry.feed
            )
            if ack is not None and is_here and ack.entry.feed in feeds:
                raw = next(replica.core.stored_entries(ack.entry.feed, ack.entry.seq))
                is_false = len(feeds) == 1 and later.checkpoint.n >= ack.ack.n
                self._accuser.unkept_ack(ack, raw, later, is_false=is_false)
            else:
                self._accuser.unproven_rollback(kept, later)
        if replica.meta(HEALING_KEY) is None:
            replica.put_meta(HEALING_KEY, b"\x01")

    def _judge_heard(self, later: Later, theirs: Vector) -> None:
        """Hold the server's heads against what other devices have said that it held."""
        replica = self._line.replica
        for raw, beacon in heard_at_home(replica):
            here = lost_heads(beacon.vector, replica.vector)
            hidden = [dep for dep in lost_heads(beacon.vector, theirs) if dep in here]
            if hidden:
                dep = hidden[0]
                mine = replica.vector.get(dep.feed, (-1, b""))[0]
                about = codec.encode([beacon.device, dep.feed, mine])
                self._accuser.stale(raw, beacon, later, statement_hash(about))

    def _judge_given(self) -> None:
        """Say so when even after a comparison a device has seen what does not come."""
        replica = self._line.replica
        for _, beacon in heard_at_home(replica):
            for feed, (seq, _) in sorted(beacon.vector.items()):
                mine = replica.vector.get(feed, (-1, b""))[0]
                if mine < seq:
                    about = codec.encode([beacon.device, feed, mine])
                    self._accuser.once("StaleServer", STALE, statement_hash(about))
                    break

    def _returned(self, ids: tuple[EntryId, ...]) -> None:
        """Ask again once everything that was offered is answered."""
        if self._returning:
            self._returning.difference_update(ids)
            if not self._returning:
                self._ask()

    def offer_members(self, k: int) -> None:
        """Give the server the membership entries after index `k`, if it has lost any."""
        replica = self._line.replica
        missing = replica.core.chain.raws[k + 1 :]
        if missing:
            kept = read_checkpoint(replica, self._line.home.key)
            if had_chain_beyond(replica, self._line.home.key, k):
                self._accuser.chain_rollback()
            if kept is not None:
                self._line.send(Remind(wallet_id=replica.wallet_id, checkpoint=kept.raw))
        for index, raw in enumerate(missing, start=k + 1):
            self._offered.add(EntryId(membership_hash(raw[64:])))
            wraps = kept_wraps(replica, index)
            self._line.send(Append(wallet_id=replica.wallet_id, entry=raw, wraps=wraps))
