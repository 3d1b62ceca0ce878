"""What a wallet's own devices do with its mailboxes, on their sync connection.

Spec: 26-channels.md
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Reason
from billfold_protocol.ids import MailboxAddress, ServerKey, WalletId
from billfold_protocol.mailbox import Card, check_opening, item_id
from billfold_protocol.messages import (
    AskMailbox,
    CloseMailbox,
    ListMailboxes,
    Mail,
    MailboxList,
    MailboxRefused,
    MergedMail,
    OpenMailbox,
    OwnerNews,
    PutReply,
    ReplyKept,
    TakeMail,
    TellMailbox,
)
from billfold_server.commits import MailboxStep
from billfold_server.hub import Peer
from billfold_server.intake import Intake
from billfold_server.mailbox_rows import MailboxRows, Row
from billfold_server.quotas import Quotas, RateLimiter
from billfold_server.snapshots import grace_begins
from billfold_server.store import (
    DropMail,
    EndMailbox,
    ExpireMail,
    KeepReply,
    LogStore,
    MailboxWrite,
    MarkMail,
    PutMailbox,
    SnapshotStanding,
    StoredMailbox,
    StoredReply,
)
from billfold_server.wallet_log import ActiveWallet, Wallets


class MailboxDesk:
    """Answers the devices."""

    def __init__(
        self,
        store: LogStore,
        wallets: Wallets,
        intake: Intake,
        rows: MailboxRows,
        server_key: ServerKey,
        *,
        quotas: Quotas,
        now_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._wallets = wallets
        self._intake = intake
        self._rows = rows
        self._server_key = server_key
        self._quotas = quotas
        self._now_s = now_s
        self._rate = RateLimiter(quotas.mailboxes_per_device_per_hour)

    def take(self, peer: Peer, message: AskMailbox) -> None:
        """Take one request.

        Raises:
            StoreError: the store is closed or damaged.
        """
        wallet = self._wallets.require(message.wallet_id)
        match message.request:
            case ListMailboxes():
                rows = self._rows.of(wallet.wallet_id)
                states = tuple(row.state for row in rows if row.is_durable)
                _tell(peer, wallet, MailboxList(mailboxes=states))
            case TakeMail(address=address, after=after):
                self._send_mail(peer, wallet, address, after)
            case OpenMailbox() as request:
                self._open(peer, wallet, request)
            case CloseMailbox(address=address):
                self._close(peer, wallet, address)
            case MergedMail() as request:
                self._merged(peer, wallet, request)
            case PutReply() as request:
                self._reply(peer, wallet, request)

    def covered(self, wallet_id: WalletId) -> None:
        """Forget the messages that an endorsed snapshot covers; call it after each verdict.

        Raises:
            StoreError: the store is closed or damaged.
        """
        wallet = self._wallets.get(wallet_id)
        if wallet is None:
            return
        rows = self._rows.of(wallet_id)
        covered_n = _covered_n(wallet)
        if covered_n and any(row.kept.merged and row.kept.count for row in rows):
            rows.is_stale = True
            self._stage(wallet, [DropMail(wallet_id=wallet_id, covered_n=covered_n)])

    def expire(self, wallet_id: WalletId) -> None:
        """Forget what is too old in a wallet's mailboxes.

        Raises:
            StoreError: the store is closed or damaged.
        """
        wallet = self._wallets.find(wallet_id)
        if wallet is None:
            return
        before_s, forget_before_s = self.expiry()
        self._rows.of(wallet_id).is_stale = True
        write = ExpireMail(wallet_id=wallet_id, before_s=before_s, forget_before_s=forget_before_s)
        self._stage(wallet, [write])

    def expiry(self) -> tuple[int, int]:
        """Return from when on messages are kept, and from when on ended things are remembered."""
        now_s = int(self._now_s())
        kept_s = now_s - limits.MAILBOX_LIFETIME_S
        return kept_s, min(kept_s, now_s - self._quotas.mailbox_remembered_s)

    def _send_mail(
        self, peer: Peer, wallet: ActiveWallet, address: MailboxAddress, after: int
    ) -> None:
        row = self._rows.of(wallet.wallet_id).get(address)
        if row is None:
            _refuse(peer, wallet, address, Reason.INVALID)
            return
        found = self._store.mail.read_mail(
            address,
            after=after,
            count_max=limits.BATCH_COUNT_MAX,
            size_max=limits.BATCH_SIZE_MAX,
        )
        items = tuple((mail.number, mail.time_s, mail.raw) for mail in found)
        last = items[-1][0] if items else after
        is_end = not items or not self._store.mail.read_mail(
            address, after=last, count_max=1, size_max=1
        )
        upto = max(last, row.durable_last) if is_end else last
        _tell(peer, wallet, Mail(address=address, items=items, upto=upto))

    def _open(self, peer: Peer, wallet: ActiveWallet, request: OpenMailbox) -> None:
        wallet_id = wallet.wallet_id
        try:
            card = Card.verify(request.card)
        except BillfoldError:
            _refuse(peer, wallet, MailboxAddress(bytes(32)), Reason.INVALID)
            return
        address, rows = card.address, self._rows.of(wallet_id)
        reason = self._refusal(peer, wallet)
        row = rows.get(address)
        if reason is None and row is None:
            reason = self._refuse_new(wallet, card, request)
        elif reason is None and row is not None and row.kept.capability != request.capability:
            reason = Reason.INVALID
        if reason is not None:
            _refuse(peer, wallet, address, reason)
            return
        if row is not None:
            again = row
            self._stage(wallet, [], lambda: _tell(peer, wallet, again.state))
            return
        kept = StoredMailbox(address=address, capability=request.capability)
        new = Row(kept, 0, 0, is_durable=False)
        self._rows.add(wallet_id, new)

        def done() -> None:
            new.is_durable = True
            self._rows.tell_all(wallet_id, new)

        write = PutMailbox(wallet_id=wallet_id, mailbox=kept, card=request.card)
        self._stage(wallet, [write], done, lambda: _refuse(peer, wallet, address, Reason.FULL))

    def _refuse_new(self, wallet: ActiveWallet, card: Card, request: OpenMailbox) -> Reason | None:
        if self._rows.owner_of(card.address) is not None:
            return Reason.INVALID
        rows = list(self._rows.of(wallet.wallet_id))
        if len(rows) >= limits.MAILBOXES_COUNT_MAX:
            return Reason.LIMIT
        if sum(row.kept.closed_s is None for row in rows) >= self._quotas.mailboxes_count_max:
            return Reason.QUOTA
        try:
            check_opening(
                card, self._server_key, wallet.wallet_id, request.capability, request.proof
            )
        except BillfoldError:
            return Reason.INVALID
        return None

    def _close(self, peer: Peer, wallet: ActiveWallet, address: MailboxAddress) -> None:
        wallet_id = wallet.wallet_id
        row = self._rows.of(wallet_id).get(address)
        reason = Reason.INVALID if row is None else self._refusal(peer, wallet)
        if row is None or reason is not None:
            _refuse(peer, wallet, address, reason or Reason.INVALID)
            return
        closed = row
        writes: list[MailboxWrite] = []
        if row.kept.closed_s is None:
            now_s = int(self._now_s())
            # From here on nothing is taken, though it is not durable yet.
            row.kept = replace(row.kept, closed_s=now_s)
            writes.append(EndMailbox(wallet_id=wallet_id, address=address, closed_s=now_s))
        self._stage(
            wallet,
            writes,
            lambda: self._rows.tell_all(wallet_id, closed),
            lambda: _refuse(peer, wallet, address, Reason.FULL),
        )

    def _merged(self, peer: Peer, wallet: ActiveWallet, request: MergedMail) -> None:
        """Note up to where messages are in the log; what cannot be so is dropped."""
        row = self._rows.of(wallet.wallet_id).get(request.address)
        if row is None or not row.kept.merged < request.upto <= row.durable_last:
            return
        if request.n > wallet.durable_n or self._refusal(peer, wallet) is not None:
            return
        row.kept = replace(row.kept, merged=request.upto)
        write = MarkMail(
            wallet_id=wallet.wallet_id, address=row.address, upto=request.upto, n=request.n
        )
        self._stage(wallet, [write])
        self.covered(wallet.wallet_id)

    def _reply(self, peer: Peer, wallet: ActiveWallet, request: PutReply) -> None:
        wallet_id, about, address = wallet.wallet_id, request.about, request.address
        row = self._rows.of(wallet_id).get(address)
        reason = Reason.INVALID if row is None else self._refusal(peer, wallet)
        if row is None or reason is not None:
            _refuse(peer, wallet, address, reason or Reason.INVALID, about)
            return
        stands = row.staged_replies.get(about) or self._reply_about(address, about)
        if stands is not None:
            kept = ReplyKept(address=address, about=about, item=stands)
            self._stage(wallet, [], lambda: _tell(peer, wallet, kept))
            return
        reason = self._refuse_reply(wallet, row, request)
        if reason is not None:
            _refuse(peer, wallet, address, reason, about)
            return
        item = item_id(address, request.sealed)
        reply = StoredReply(
            number=row.kept.replies_last + 1,
            time_s=int(self._now_s()),
            about=about,
            item=item,
            raw=request.sealed,
        )
        answered = row
        row.staged_replies[about] = item
        row.kept = replace(
            row.kept,
            replies_last=reply.number,
            replies_count=row.kept.replies_count + 1,
            replies_size=row.kept.replies_size + len(reply.raw),
        )

        def done() -> None:
            answered.staged_replies.pop(about, None)
            answered.durable_replies_last = reply.number
            _tell(peer, wallet, ReplyKept(address=address, about=about, item=item))

        self._stage(
            wallet,
            [KeepReply(wallet_id=wallet_id, address=address, reply=reply)],
            done,
            lambda: _refuse(peer, wallet, address, Reason.FULL, about),
            size=len(reply.raw),
        )

    def _reply_about(self, address: MailboxAddress, about: bytes) -> bytes | None:
        found = self._store.mail.find_reply(address, about)
        return None if found is None else found.item

    def _refuse_reply(self, wallet: ActiveWallet, row: Row, request: PutReply) -> Reason | None:
        quotas, size = self._quotas, len(request.sealed)
        if row.kept.closed_s is not None:
            return Reason.CLOSED
        has_room = (
            row.kept.replies_count < quotas.mailbox_replies_count_max
            and row.kept.replies_size + size <= quotas.mailbox_size_max
            and self._rows.size_of(wallet.wallet_id) + size <= quotas.mail_size_max
        )
        return None if has_room else Reason.QUOTA

    def _refusal(self, peer: Peer, wallet: ActiveWallet) -> Reason | None:
        """Return why a device may change nothing now."""
        device = peer.subscriptions[wallet.wallet_id].device
        member = wallet.state.members.get(device)
        if member is None:
            return Reason.NOT_MEMBER
        if not member.may_write:
            return Reason.ROLE
        if wallet.state.is_closed:
            return Reason.CLOSED
        has_rate = self._rate.take((wallet.wallet_id, device), 1, now_s=self._now_s())
        return None if has_rate else Reason.RATE

    def _stage(
        self,
        wallet: ActiveWallet,
        writes: Sequence[MailboxWrite],
        done: Callable[[], None] | None = None,
        failed: Callable[[], None] | None = None,
        *,
        size: int = 0,
    ) -> None:
        wallet_id = wallet.wallet_id
        step = MailboxStep(
            writes=tuple(writes),
            done=self._rows.around(wallet_id, done or _nothing),
            failed=self._rows.around_failure(wallet_id, failed or _nothing),
        )
        self._intake.stage(wallet, size).steps.append(step)
        self._rows.of(wallet_id).staged_count += 1


def _covered_n(wallet: ActiveWallet) -> int:
    """Return up to which arrival number endorsed snapshots cover everything; 0 for nothing."""
    return max(
        (
            held.tail_n
            for held in wallet.shelf.durable
            if held.standing is not SnapshotStanding.OFFERED and grace_begins(held, wallet.chain)
        ),
        default=0,
    )


def _tell(peer: Peer, wallet: ActiveWallet, news: OwnerNews) -> None:
    if wallet.wallet_id in peer.subscriptions:
        peer.send(TellMailbox(wallet_id=wallet.wallet_id, news=news))


def _refuse(
    peer: Peer,
    wallet: ActiveWallet,
    address: MailboxAddress,
    reason: Reason,
    about: bytes | None = None,
) -> None:
    _tell(peer, wallet, MailboxRefused(address=address, about=about, reason=reason))


def _nothing() -> None:
    """Say nothing."""
