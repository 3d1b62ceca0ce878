"""What the relay takes: each thing that a peer brings is judged, then staged or refused.

Spec: 21-sync.md
"""

import hmac
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, unique

from billfold_protocol.errors import BillfoldError, RemoteProtocolError
from billfold_protocol.feed import Beacon, Checkpoint, Reason, parse_entry
from billfold_protocol.ids import EntryId, WalletId
from billfold_protocol.membership import Kind, membership_hash
from billfold_protocol.messages import (
    Append,
    Inquire,
    Offer,
    Push,
    Register,
    Registered,
    Remind,
    SendBeacon,
    Vacancy,
)
from billfold_server.commits import (
    BeaconStep,
    Commit,
    MemberStep,
    Registration,
    RepeatStep,
    WalletCommit,
)
from billfold_server.delivery import Delivery
from billfold_server.hub import Peer
from billfold_server.quotas import Quotas, RateLimiter
from billfold_server.registrations import RegistrationParts
from billfold_server.store import AppendMembers, StoredMember
from billfold_server.wallet_log import (
    ActiveWallet,
    Known,
    Taken,
    Wallets,
    check_registration,
)


@unique
class RegistrationPolicy(Enum):
    """Who may bring a new wallet."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """What an operator decides about the relay."""

    quotas: Quotas = field(default_factory=Quotas)
    registration: RegistrationPolicy = RegistrationPolicy.OPEN
    tokens: frozenset[str] = field(default=frozenset(), repr=False)


class Intake:
    """Judges what peers bring and stages what is taken."""

    def __init__(
        self,
        wallets: Wallets,
        delivery: Delivery,
        config: RelayConfig,
        *,
        now_s: Callable[[], float],
    ) -> None:
        self._wallets = wallets
        self._delivery = delivery
        self._config = config
        self._now_s = now_s
        self._staged = Commit()
        self.registrations = RegistrationParts()
        """The beginnings of chains that are too long for one message."""

        self._registering: dict[WalletId, Registration] = {}
        """The registrations that are staged or on their way to the disk."""

        self._entry_rate = RateLimiter(config.quotas.entries_per_device_per_hour)
        self._member_rate = RateLimiter(config.quotas.members_per_device_per_hour)
        self._beacon_rate = RateLimiter(config.quotas.beacons_per_device_per_hour)
        self._wallet_rate = RateLimiter(config.quotas.wallets_per_address_per_hour)
        self._inquiry_rate = RateLimiter(config.quotas.wallets_per_address_per_hour)

    def take_commit(self) -> Commit | None:
        """Return everything that is staged, or None."""
        staged = self._staged
        if not staged.wallets and not staged.registrations:
            return None
        self._staged = Commit()
        return staged

    @property
    def staged_size(self) -> int:
        """Bytes that are staged."""
        return self._staged.size

    def stage(self, wallet: ActiveWallet, size: int) -> WalletCommit:
        """Return a wallet's part of the next commit, to which so many bytes are added."""
        self._staged.size += size
        return self._staged.of(wallet)

    def settle(self, commit: Commit) -> None:
        """Take note that a commit has ended, one way or the other."""
        for registration in commit.registrations:
            self._registering.pop(registration.write.wallet_id, None)

    def discard(self, wallet_ids: Iterable[WalletId]) -> dict[WalletId, WalletCommit]:
        """Take back what is staged in these wallets, and return it."""
        staged = self._staged.wallets
        return {id_: staged.pop(id_) for id_ in wallet_ids if id_ in staged}

    def forget_if_idle(self, wallet: ActiveWallet) -> None:
        """Drop a wallet from memory when nobody listens and nothing is staged."""
        self._delivery.forget_if_idle(wallet)

    def register(self, peer: Peer, message: Register) -> None:
        """Take a new wallet, if the operator lets this peer bring one."""
        wallet_id = message.wallet_id
        members = (*self.registrations.take(peer, wallet_id), *message.members)
        reason = self._refuse_registration(peer, message.token, self._wallet_rate)
        if reason is not None:
            self._delivery.end_with(peer, wallet_id, reason)
            return
        try:
            chain, wraps = check_registration(replace(message, members=members))
            member = chain.state.members.get(message.device)
        except BillfoldError:
            self._delivery.end_with(peer, wallet_id, Reason.INVALID)
            return
        home = chain.state.home
        is_ours = home is not None and home.server.key == self._delivery.server_key
        # A wallet is brought by one of its members, to the server that its chain names.
        if (
            not is_ours
            or member is None
            or not peer.session.is_proven(message, member.keys.signing)
        ):
            self._delivery.end_with(peer, wallet_id, Reason.INVALID)
            return
        if wallet_id in self._registering:
            self._registering[wallet_id].peers.append(peer)
            return
        if self._wallets.find(wallet_id) is not None:
            self._delivery.end(peer, wallet_id)
            peer.send(Registered(wallet_id=wallet_id))
            return
        stored = tuple(StoredMember(k=k, raw=raw) for k, raw in enumerate(members))
        write = AppendMembers(wallet_id=wallet_id, members=stored, wraps=wraps)
        registration = self._registering[wallet_id] = Registration(write, [peer])
        self._staged.registrations.append(registration)
        self._staged.size += sum(map(len, members))

    def inquire(self, peer: Peer, message: Inquire) -> None:
        """Say whether a wallet could be registered now; nothing is taken."""
        reason = self._refuse_registration(peer, message.token, self._inquiry_rate)
        if reason is None and message.size > self._config.quotas.wallet_size_max:
            reason = Reason.QUOTA
        peer.send(Vacancy(wallet_id=message.wallet_id, reason=reason))

    def _refuse_registration(
        self, peer: Peer, token: str | None, rate: RateLimiter
    ) -> Reason | None:
        match self._config.registration:
            case RegistrationPolicy.CLOSED:
                return Reason.REGISTRATION
            case RegistrationPolicy.TOKEN if not self._is_token(token or ""):
                return Reason.REGISTRATION
            case RegistrationPolicy.OPEN | RegistrationPolicy.TOKEN:
                has_room = rate.take(peer.address, 1, now_s=self._now_s())
                return None if has_room else Reason.RATE

    def _is_token(self, given: str) -> bool:
        tokens = [token.encode() for token in self._config.tokens]
        # All are compared, and each in constant time: the time of the answer tells nothing.
        return sum([hmac.compare_digest(given.encode(), token) for token in tokens]) > 0

    def append(self, peer: Peer, message: Append) -> None:
        """Take a membership entry that follows the newest one."""
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        named = EntryId(membership_hash(message.entry[64:]))
        # What it once held, by its own word, comes back at any rate.
        is_rated = wallet.state.k >= peer.subscriptions[message.wallet_id].reminded_k
        if is_rated and not self._member_rate.take(
            (message.wallet_id, device), 1, now_s=self._now_s()
        ):
            self._delivery.refuse(peer, wallet, [named], Reason.RATE)
            return
        is_next, before = True, wallet.state
        try:
            is_next = wallet.follows(message.entry)
            appended = wallet.append(message.entry, message.wraps)
        except BillfoldError:
            reason = Reason.INVALID if is_next else Reason.STALE_CHAIN
            self._delivery.refuse(peer, wallet, [named], reason)
            return
        if appended is None:
            self._staged.of(wallet).steps.append(RepeatStep(peer))
            return
        member, wraps = appended
        size = len(member.raw) + sum(len(wrap.raw) for wrap in wraps)
        gone = before.members.keys() - wallet.state.members.keys()
        removed = tuple(d for d in sorted(gone) if before.members[d].kind is Kind.RECOVERY)
        self.stage(wallet, size).steps.append(MemberStep(member, wraps, peer, removed))

    def remind(self, peer: Peer, message: Remind) -> None:
        """Take note of what this server has signed; another's signature says nothing."""
        with suppress(BillfoldError):
            key = self._delivery.server_key
            said = Checkpoint.verify(message.checkpoint, key, message.wallet_id)
            subscription = peer.subscriptions[message.wallet_id]
            subscription.reminded_k = max(subscription.reminded_k, said.k)

    def push(self, peer: Peer, message: Push) -> None:
        """Take an author's own new entries."""
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        count = len(message.entries)
        has_rate = self._entry_rate.take((device,), count, now_s=self._now_s())
        self._take(peer, wallet, message, None if has_rate else Reason.RATE)

    def offer(self, peer: Peer, message: Offer) -> None:
        """Take entries of any feed that the server lacks."""
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        # Each costs a signature check, so they have a rate as pushes have.
        count = len(message.entries)
        has_rate = self._entry_rate.take(("offer", device), count, now_s=self._now_s())
        self._take(peer, wallet, message, None if has_rate else Reason.RATE)

    def _take(
        self, peer: Peer, wallet: ActiveWallet, message: Push | Offer, refusal: Reason | None
    ) -> None:
        """Judge each entry and stage what is new; refuse the others by reason."""
        if not wallet.lives_on(self._delivery.server_key):
            # Whoever brings it has been shown the entry that names the new home.
            refusal = Reason.MOVED
        device = peer.subscriptions[wallet.wallet_id].device
        size_max = self._config.quotas.wallet_size_max
        refused: dict[Reason, dict[EntryId, int]] = {}
        for raw in message.entries:
            # Only pushes take credit, so only they give it back.
            credit = len(raw) if isinstance(message, Push) else 0
            try:
                signed = parse_entry(raw, wallet.wallet_id)
            except BillfoldError as error:
                # The peer cannot be told which entry: its id is unknown. The connection ends.
                raise RemoteProtocolError("what was brought is no feed entry") from error
            if isinstance(message, Push):
                verdict = wallet.judge_push(device, signed, size_max=size_max)
            else:
                verdict = wallet.judge_offer(signed, size_max=size_max)
            if refusal is not None and not isinstance(verdict, Known):
                verdict = refusal
            match verdict:
                case Taken(entry=entry):
                    wallet.take(entry, wallet.owner_of(signed.value), signed.value.k)
                    part = self._staged.of(wallet)
                    part.add_entry(entry, peer)
                    part.add_ack(peer, entry.entry_id, credit)
                    self._staged.size += len(raw)
                    self._delivery.counters.entries_taken += 1
                case Known():
                    self._staged.of(wallet).add_ack(peer, signed.value.id, credit)
                case Reason() as reason:
                    ids = refused.setdefault(reason, {})
                    ids[signed.value.id] = ids.get(signed.value.id, 0) + credit
        for reason, ids in refused.items():
            self._delivery.refuse(peer, wallet, list(ids), reason, sum(ids.values()))

    def beacon(self, peer: Peer, message: SendBeacon) -> None:
        """Keep a device's beacon and pass it on; one that is not signed by it is dropped."""
        wallet = self._wallets.require(message.wallet_id)
        device = peer.subscriptions[message.wallet_id].device
        member = wallet.state.members.get(device)
        has_rate = self._beacon_rate.take((device,), 1, now_s=self._now_s())
        if member is None or not has_rate:
            return
        try:
            beacon = Beacon.verify(message.beacon, member.keys.signing, message.wallet_id)
        except BillfoldError:
            self._delivery.counters.protocol_errors += 1
            return
        if beacon.device == device:
            wallet.beacons[device] = message.beacon
            self._staged.of(wallet).steps.append(BeaconStep(device, message.beacon, peer))
            self._staged.size += len(message.beacon)
