"""Mailboxes: what organisations leave there, what a wallet's devices take, and the replies.

A sender shows a capability and learns nothing but what became of its own request. A message stays
until the entry that holds it is covered by a snapshot that another device has endorsed, or for 30
days. About one thing there is one reply, the first that came: so that of several devices that
answer, one does.

Spec: 26-channels.md
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from billfold_protocol import limits
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.ids import MailboxAddress, ServerKey, WalletId
from billfold_protocol.mailbox import (
    AskCard,
    CardShown,
    Deposit,
    Deposited,
    MailboxAnswer,
    Question,
    Refusal,
    Refused,
    Replies,
    TakeReplies,
    capability_hash,
    item_id,
    parse_request,
    sign_answer,
)
from billfold_server.commits import MailboxStep
from billfold_server.intake import Intake
from billfold_server.mailbox_rows import MailboxRows, Row
from billfold_server.quotas import Quotas, RateLimiter
from billfold_server.store import DropReplies, LogStore, PutMail, StoredMail
from billfold_server.wallet_log import ActiveWallet, Wallets

Answer = Callable[[MailboxAnswer, bytes], None]
"""Takes an answer and its signed bytes, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who asks over HTTPS."""

    address: str
    """The network address, for rates only; never stored."""

    capability: bytes = field(repr=False)


class Mailboxes:
    """Answers the senders."""

    def __init__(
        self,
        store: LogStore,
        wallets: Wallets,
        intake: Intake,
        rows: MailboxRows,
        key: SigningKey,
        *,
        quotas: Quotas,
        now_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._wallets = wallets
        self._intake = intake
        self._rows = rows
        self._key = key
        self._server_key = ServerKey(key.public_key)
        self._quotas = quotas
        self._now_s = now_s
        self._request_rate = RateLimiter(quotas.mailbox_requests_per_address_per_hour)
        self._refusal_rate = RateLimiter(quotas.mailbox_refusals_per_address_per_hour)
        self._deposit_rate = RateLimiter(quotas.deposits_per_mailbox_per_hour)

    def receive(self, sender: Sender, address: MailboxAddress, body: bytes, answer: Answer) -> None:
        """Judge one request; it is answered at once, or when what it brings is durable.

        Raises:
            RemoteProtocolError: it is no request.
            Downgrade: it is of another version.
            StoreError: the store is closed or damaged.
        """
        question = Question(address=address, body=body)

        def say(what: MailboxAnswer) -> None:
            answer(what, sign_answer(self._key, question, what))

        request = parse_request(body)
        if not self._request_rate.take(sender.address, 1, now_s=self._now_s()):
            say(Refused(reason=Refusal.RATE))
            return
        found = self._find(sender, address)
        if found is None:
            self._refuse_stranger(sender, say)
            return
        wallet, row = found
        try:
            self._judge(wallet, row, request, say)
        finally:
            self._intake.forget_if_idle(wallet)
            self._rows.forget_if_idle(wallet.wallet_id)

    def _find(self, sender: Sender, address: MailboxAddress) -> tuple[ActiveWallet, Row] | None:
        """Return the mailbox that a sender has the capability of."""
        wallet_id = self._rows.owner_of(address)
        if wallet_id is None:
            return None
        shown = capability_hash(address, sender.capability)
        row = self._rows.of(wallet_id).get(address)
        if row is not None and hmac.compare_digest(shown, row.kept.capability):
            wallet = self._wallets.find(wallet_id)
            if wallet is not None:
                return wallet, row
        self._rows.forget_if_idle(wallet_id)
        return None

    def _refuse_stranger(self, sender: Sender, say: Callable[[MailboxAnswer], None]) -> None:
        has_rate = self._refusal_rate.take(sender.address, 1, now_s=self._now_s())
        say(Refused(reason=Refusal.UNKNOWN if has_rate else Refusal.RATE))

    def _judge(
        self,
        wallet: ActiveWallet,
        row: Row,
        request: Deposit | AskCard | TakeReplies,
        say: Callable[[MailboxAnswer], None],
    ) -> None:
        if isinstance(request, TakeReplies):
            # What was left before the end, or before the wallet moved, may still be taken.
            replies = self._take_replies(wallet, row, request.after)
            refused = None if replies.items else self._refusal(wallet, row, is_reading=True)
            say(refused or replies)
            return
        refused = self._refusal(wallet, row)
        if refused is not None:
            say(refused)
        elif isinstance(request, AskCard):
            say(CardShown(card=self._store.mail.card(row.address)))
        else:
            self._deposit(wallet, row, request.sealed, say)

    def _refusal(
        self, wallet: ActiveWallet, row: Row, *, is_reading: bool = False
    ) -> Refused | None:
        state = wallet.durable_state
        is_over = row.kept.closed_s is not None or state.is_closed
        if is_over and not is_reading:
            return Refused(reason=Refusal.CLOSED)
        home = state.home
        if home is not None and home.server.key != self._server_key:
            there = (home.server.address, home.server.key)
            return Refused(reason=Refusal.MOVED, home=there)
        return None

    def _deposit(
        self,
        wallet: ActiveWallet,
        row: Row,
        sealed: bytes,
        say: Callable[[MailboxAnswer], None],
    ) -> None:
        item = item_id(row.address, sealed)
        held = row.staged_mail.get(item) or self._store.mail.find_mail(row.address, item)
        if held is not None:
            # It may be on its way to the disk: the answer comes after what is staged now.
            self._stage(wallet, (), lambda: say(_receipt(held)), say, 0)
            return
        if not self._deposit_rate.take(row.address, 1, now_s=self._now_s()):
            say(Refused(reason=Refusal.RATE))
            return
        if not self._has_room(wallet.wallet_id, row, len(sealed)):
            say(Refused(reason=Refusal.FULL))
            return
        mail = StoredMail(
            number=row.kept.last + 1, time_s=int(self._now_s()), item=item, raw=sealed
        )
        row.staged_mail[item] = mail
        row.kept = replace(
            row.kept,
            last=mail.number,
            count=row.kept.count + 1,
            size=row.kept.size + len(sealed),
        )

        def done() -> None:
            row.staged_mail.pop(item, None)
            row.durable_last = mail.number
            self._rows.tell_all(wallet.wallet_id, row)
            say(_receipt(mail))

        write = PutMail(wallet_id=wallet.wallet_id, address=row.address, mail=mail)
        self._stage(wallet, (write,), done, say, len(sealed))

    def _has_room(self, wallet_id: WalletId, row: Row, size: int) -> bool:
        quotas = self._quotas
        return (
            row.kept.count < quotas.mailbox_count_max
            and row.kept.size + size <= quotas.mailbox_size_max
            and self._rows.size_of(wallet_id) + size <= quotas.mail_size_max
        )

    def _take_replies(self, wallet: ActiveWallet, row: Row, after: int) -> Replies:
        """Return the durable replies after a number; those up to it are done with."""
        oldest = self._store.mail.read_replies(row.address, after=0, count_max=1, size_max=1)
        if oldest and oldest[0].number <= after:
            drop = DropReplies(wallet_id=wallet.wallet_id, address=row.address, upto=after)
            self._stage(wallet, (drop,), lambda: None, lambda _: None, 0)
            self._rows.of(wallet.wallet_id).is_stale = True
        found = self._store.mail.read_replies(
            row.address,
            after=after,
            count_max=limits.BATCH_COUNT_MAX,
            size_max=limits.BATCH_SIZE_MAX,
        )
        items = tuple((reply.number, reply.raw) for reply in found)
        last = items[-1][0] if items else after
        return Replies(items=items, has_more=last < row.durable_replies_last and bool(items))

    def _stage(
        self,
        wallet: ActiveWallet,
        writes: Sequence[PutMail | DropReplies],
        done: Callable[[], None],
        say: Callable[[MailboxAnswer], None],
        size: int,
    ) -> None:
        wallet_id = wallet.wallet_id
        step = MailboxStep(
            writes=tuple(writes),
            done=self._rows.around(wallet_id, done),
            failed=self._rows.around_failure(wallet_id, lambda: say(Refused(reason=Refusal.STORE))),
        )
        self._intake.stage(wallet, size).steps.append(step)
        self._rows.of(wallet_id).staged_count += 1


def _receipt(mail: StoredMail) -> Deposited:
    return Deposited(
        number=mail.number,
        time_s=mail.time_s,
        expires_s=mail.time_s + limits.MAILBOX_LIFETIME_S,
    )
