from dataclasses import replace

import pytest

from billfold_protocol import limits
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import Malformed
from billfold_protocol.feed import Reason
from billfold_protocol.ids import MailboxAddress, ServerKey, SnapshotId
from billfold_protocol.mailbox import (
    AskCard,
    Card,
    CardShown,
    Deposit,
    Deposited,
    Refusal,
    Refused,
    Replies,
    TakeReplies,
    capability_hash,
    item_id,
    sign_opening,
)
from billfold_protocol.membership import Role
from billfold_protocol.messages import (
    Append,
    CloseMailbox,
    ListMailboxes,
    Mail,
    MailboxList,
    MailboxRefused,
    MailboxState,
    MergedMail,
    PutReply,
    ReplyKept,
    TakeMail,
    TellMailbox,
)
from billfold_server.mailboxes import Sender
from tests.support.post import ABOUT, DAY_S, KEYS, OTHER, Post
from tests.support.sync_client import move_home
from tests.support.wallets import TIME_S, TestDevice, TestWallet


def refused(reason: Refusal) -> Refused:
    return Refused(reason=reason)


def test_a_message_is_kept_before_it_is_confirmed_and_devices_are_told() -> None:
    post = Post()
    post.opened()
    assert post.post(Deposit(sealed=b"one"), is_committed=False) == []
    assert post.held() == []
    post.bench.commit()
    assert post.held() == [b"one"]
    (told,) = post.laptop.take(TellMailbox)
    assert told.news == MailboxState(address=KEYS.address, is_open=True, last=1, merged=0)
    lifetime_s = limits.MAILBOX_LIFETIME_S
    assert post.deposit(b"two") == Deposited(number=2, time_s=TIME_S, expires_s=TIME_S + lifetime_s)
    (mail,) = post.ask(TakeMail(address=KEYS.address, after=0))
    assert mail == Mail(
        address=KEYS.address, items=((1, TIME_S, b"one"), (2, TIME_S, b"two")), upto=2
    )


def test_the_same_bytes_again_get_the_same_receipt_also_while_they_are_on_their_way() -> None:
    post = Post()
    post.opened()
    assert post.post(Deposit(sealed=b"one"), is_committed=False) == []
    (again,) = post.post(Deposit(sealed=b"one"))
    assert again == post.deposit(b"one")
    assert post.held() == [b"one"]


def test_an_unknown_address_and_a_wrong_capability_get_one_answer() -> None:
    post = Post()
    post.opened()
    for request in (Deposit(sealed=b"x"), AskCard(nonce=bytes(32)), _take()):
        unknown = post.post(request, OTHER)
        wrong = post.post(request, KEYS, capability=bytes(32))
        assert unknown == wrong == [refused(Refusal.UNKNOWN)]
    assert post.held() == []


def _take(after: int = 0) -> TakeReplies:
    return TakeReplies(nonce=bytes(32), after=after)


def test_whoever_asks_for_too_many_unknown_addresses_is_told_nothing() -> None:
    post = Post(mailbox_refusals_per_address_per_hour=2)
    post.opened()
    answers = [post.post(Deposit(sealed=b"x"), OTHER)[0] for _ in range(3)]
    assert [answer.reason for answer in answers if isinstance(answer, Refused)] == [
        Refusal.UNKNOWN,
        Refusal.UNKNOWN,
        Refusal.RATE,
    ]
    assert isinstance(post.deposit(), Deposited)


def test_what_is_no_request_is_refused() -> None:
    post = Post()
    with pytest.raises(Malformed):
        post.bench.relay.mailboxes.receive(
            Sender(address="", capability=bytes(32)), KEYS.address, b"\x90\x90", lambda *_: None
        )


def test_the_card_is_shown_while_the_mailbox_is_open() -> None:
    post = Post()
    post.opened()
    (shown,) = post.post(AskCard(nonce=bytes(32)))
    assert isinstance(shown, CardShown)
    assert Card.verify(shown.card).address == KEYS.address
    post.ask(CloseMailbox(address=KEYS.address))
    assert post.post(AskCard(nonce=bytes(32))) == [refused(Refusal.CLOSED)]


def test_a_closed_mailbox_takes_nothing_from_the_moment_it_is_closed_and_stays_closed() -> None:
    post = Post()
    post.opened()
    post.deposit(b"before")
    post.ask(CloseMailbox(address=KEYS.address), is_committed=False)
    assert post.post(Deposit(sealed=b"after"), is_committed=False) == [refused(Refusal.CLOSED)]
    post.bench.commit()
    (state,) = post.ask(post.opening())
    assert state == MailboxState(address=KEYS.address, is_open=False, last=1, merged=0)
    assert post.deposit(b"after") == refused(Refusal.CLOSED)
    assert post.held() == [b"before"]


def test_messages_are_bounded_by_number_and_size_and_by_the_hour() -> None:
    post = Post(mailbox_count_max=2)
    post.opened()
    assert [type(post.deposit(bytes([n]))) for n in range(3)] == [Deposited, Deposited, Refused]
    assert post.deposit(b"more") == refused(Refusal.FULL)
    post = Post(mailbox_size_max=100)
    post.opened()
    assert isinstance(post.deposit(bytes(100)), Deposited)
    assert post.deposit(b"more") == refused(Refusal.FULL)
    post = Post(mail_size_max=100)
    post.opened()
    post.opened(OTHER)
    assert isinstance(post.deposit(bytes(60)), Deposited)
    assert post.deposit(bytes(60), OTHER) == refused(Refusal.FULL)
    post = Post(deposits_per_mailbox_per_hour=1)
    post.opened()
    assert isinstance(post.deposit(b"one"), Deposited)
    assert post.deposit(b"two") == refused(Refusal.RATE)
    assert isinstance(post.deposit(b"one"), Deposited)
    post = Post(mailbox_requests_per_address_per_hour=1)
    post.opened()
    assert isinstance(post.deposit(b"one"), Deposited)
    assert post.deposit(b"one") == refused(Refusal.RATE)


def test_a_wallet_that_moved_says_where_to_and_gives_what_was_left() -> None:
    post = Post()
    post.opened()
    post.ask(PutReply(address=KEYS.address, about=ABOUT, sealed=b"reply"))
    there = ServerKey(SigningKey(bytes(range(32))).public_key)
    _append(post, move_home(post.wallet, "https://there.example", there))
    moved = Refused(reason=Refusal.MOVED, home=("https://there.example", there))
    assert post.deposit() == moved
    assert post.post(AskCard(nonce=bytes(32))) == [moved]
    assert post.post(_take()) == [Replies(items=((1, b"reply"),), has_more=False)]
    assert post.post(_take(after=1)) == [moved]


def _append(post: Post, raw: bytes) -> None:
    post.laptop.say(Append(wallet_id=post.wallet.chain.wallet_id, entry=raw, wraps=()))
    post.bench.commit()


def test_a_wallet_that_has_ended_takes_nothing() -> None:
    post = Post()
    post.opened()
    _append(post, post.wallet.close())
    assert post.deposit() == refused(Refusal.CLOSED)
    (told,) = post.ask(CloseMailbox(address=KEYS.address))
    assert isinstance(told, MailboxRefused)
    assert told.reason is Reason.CLOSED


def test_what_the_disk_did_not_take_is_refused_and_may_come_again() -> None:
    post = Post()
    post.opened()
    answers = post.post(Deposit(sealed=b"one"), is_committed=False)
    commit = post.bench.relay.take_commit()
    assert commit is not None
    post.bench.relay.failed(commit)
    assert post.held() == []
    assert post.deposit(b"one") == Deposited(
        number=1, time_s=TIME_S, expires_s=TIME_S + limits.MAILBOX_LIFETIME_S
    )
    assert answers == [refused(Refusal.STORE)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: replace(o, proof=bytes(64)), Reason.INVALID),
        (lambda o: replace(o, capability=bytes(32)), Reason.INVALID),
        (lambda o: replace(o, card=OTHER.card()), Reason.INVALID),
        (lambda o: replace(o, card=o.card[:-1] + b"\0"), Reason.INVALID),
    ],
)
def test_only_who_holds_its_key_opens_a_mailbox(change: object, reason: Reason) -> None:
    post = Post()
    assert callable(change)
    (told,) = post.ask(change(post.opening()))
    assert isinstance(told, MailboxRefused)
    assert told.reason is reason
    assert post.ask(ListMailboxes()) == [MailboxList(mailboxes=())]


def test_a_proof_for_another_wallet_or_server_opens_nothing() -> None:
    post = Post()
    for_other = post.opening(wallet=TestWallet("other"))
    shown = capability_hash(KEYS.address, KEYS.capability)
    elsewhere = sign_opening(
        KEYS.party.signing_key, ServerKey(bytes(32)), post.wallet.chain.wallet_id, shown
    )
    for opening in (for_other, replace(for_other, proof=elsewhere)):
        (told,) = post.ask(opening)
        assert isinstance(told, MailboxRefused)


def test_an_address_that_one_wallet_has_is_no_other_wallets() -> None:
    post = Post()
    post.opened()
    thief = TestWallet("thief")
    peer = post.bench.join(thief)
    (told,) = post.ask(post.opening(wallet=thief), peer=peer, wallet=thief)
    assert told == MailboxRefused(address=KEYS.address, about=None, reason=Reason.INVALID)
    for request in (
        TakeMail(address=KEYS.address, after=0),
        CloseMailbox(address=KEYS.address),
        PutReply(address=KEYS.address, about=ABOUT, sealed=b"x"),
    ):
        (told,) = post.ask(request, peer=peer, wallet=thief)
        assert isinstance(told, MailboxRefused)
    assert isinstance(post.deposit(), Deposited)


def test_a_wallet_may_have_so_many_mailboxes_open() -> None:
    post = Post(mailboxes_count_max=1)
    post.opened()
    (told,) = post.ask(post.opening(OTHER))
    assert told == MailboxRefused(address=OTHER.address, about=None, reason=Reason.QUOTA)
    post.ask(CloseMailbox(address=KEYS.address))
    post.opened(OTHER)


def test_a_viewer_changes_nothing_and_reads_everything() -> None:
    post = Post()
    viewer = TestDevice("viewer")
    post.wallet.link(viewer, role=Role.VIEWER)
    _append(post, post.wallet.chain.raws[-1])
    post.opened()
    post.deposit(b"one")
    peer = post.bench.join(post.wallet, viewer)
    for request in (
        post.opening(OTHER),
        CloseMailbox(address=KEYS.address),
        PutReply(address=KEYS.address, about=ABOUT, sealed=b"x"),
    ):
        (told,) = post.ask(request, peer=peer)
        assert isinstance(told, MailboxRefused)
        assert told.reason is Reason.ROLE
    assert post.ask(MergedMail(address=KEYS.address, upto=1, n=0), peer=peer) == []
    (listed,) = post.ask(ListMailboxes(), peer=peer)
    assert isinstance(listed, MailboxList)
    assert [(state.last, state.merged) for state in listed.mailboxes] == [(1, 0)]
    (mail,) = post.ask(TakeMail(address=KEYS.address, after=0), peer=peer)
    assert isinstance(mail, Mail)
    assert len(mail.items) == 1


def test_mail_comes_in_pieces_with_a_number_to_go_on_from() -> None:
    post = Post()
    post.opened()
    for number in range(12):
        post.deposit(bytes([number]) * 60_000)
    after, taken = 0, 0
    for _ in range(3):
        (mail,) = post.ask(TakeMail(address=KEYS.address, after=after))
        assert isinstance(mail, Mail)
        assert sum(len(sealed) for _, _, sealed in mail.items) <= limits.BATCH_SIZE_MAX
        after, taken = mail.upto, taken + len(mail.items)
    assert (after, taken) == (12, 12)
    (mail,) = post.ask(TakeMail(address=KEYS.address, after=12))
    assert mail == Mail(address=KEYS.address, items=(), upto=12)


def test_the_first_reply_about_a_thing_stands_and_the_sender_gets_it_once() -> None:
    post = Post()
    post.opened()
    first, second = (
        PutReply(address=KEYS.address, about=ABOUT, sealed=sealed) for sealed in (b"yes", b"no")
    )
    stands = ReplyKept(address=KEYS.address, about=ABOUT, item=item_id(KEYS.address, b"yes"))
    assert post.ask(first, is_committed=False) == []
    assert post.ask(second) == [stands, stands]
    assert post.post(_take()) == [Replies(items=((1, b"yes"),), has_more=False)]
    assert post.post(_take()) == [Replies(items=((1, b"yes"),), has_more=False)]
    assert post.post(_take(after=1)) == [Replies(items=(), has_more=False)]
    assert post.post(_take()) == [Replies(items=(), has_more=False)]
    # The bytes are gone; that it was answered is not.
    assert post.ask(second) == [stands]
    other = PutReply(address=KEYS.address, about=bytes(32), sealed=b"more")
    assert post.ask(other)[0] == ReplyKept(
        address=KEYS.address, about=bytes(32), item=item_id(KEYS.address, b"more")
    )
    assert post.post(_take(after=1)) == [Replies(items=((2, b"more"),), has_more=False)]


def test_replies_are_bounded_and_none_is_left_in_a_closed_mailbox() -> None:
    post = Post(mailbox_replies_count_max=1)
    post.opened()
    reply = PutReply(address=KEYS.address, about=ABOUT, sealed=b"yes")
    post.ask(reply)
    (told,) = post.ask(replace(reply, about=bytes(32)))
    assert told == MailboxRefused(address=KEYS.address, about=bytes(32), reason=Reason.QUOTA)
    post.ask(CloseMailbox(address=KEYS.address))
    (told,) = post.ask(replace(reply, about=bytes(32)))
    assert told == MailboxRefused(address=KEYS.address, about=bytes(32), reason=Reason.CLOSED)
    assert post.post(_take()) == [Replies(items=((1, b"yes"),), has_more=False)]
    assert post.post(_take(after=1))[0] == Replies(items=(), has_more=False)


@pytest.mark.parametrize(("upto", "n"), [(2, 0), (0, 0), (1, 1)])
def test_what_cannot_have_been_merged_is_not_noted(upto: int, n: int) -> None:
    post = Post()
    post.opened()
    post.deposit()
    assert post.ask(MergedMail(address=KEYS.address, upto=upto, n=n)) == []
    assert post.bench.store.mail.mailboxes(post.wallet.chain.wallet_id)[0].merged == 0


def test_what_is_old_goes_and_what_is_closed_long_ago_is_unknown() -> None:
    post = Post(mailbox_remembered_s=60 * DAY_S)
    post.opened()
    post.deposit()
    post.ask(PutReply(address=KEYS.address, about=ABOUT, sealed=b"reply"))
    now_s = [TIME_S]
    desk = post.bench.relay.mailbox_desk
    desk._now_s = lambda: now_s[0]  # noqa: SLF001  # The bench's clock stands still.
    wallet_id, store = post.wallet.chain.wallet_id, post.bench.store

    def pass_days(days: int) -> None:
        now_s[0] += days * DAY_S
        before_s, forget_before_s = desk.expiry()
        due = store.mail.due(before_s=before_s, forget_before_s=forget_before_s, count_max=9)
        for due_id in due:
            desk.expire(due_id)
        post.bench.commit()

    pass_days(29)
    assert post.held() == [b"sealed"]
    pass_days(2)
    assert post.held() == []
    assert post.post(_take()) == [Replies(items=(), has_more=False)]
    assert store.mail.find_reply(KEYS.address, ABOUT) is not None
    post.ask(CloseMailbox(address=KEYS.address))
    pass_days(30)
    assert store.mail.find_reply(KEYS.address, ABOUT) is None
    assert post.deposit() == refused(Refusal.CLOSED)
    pass_days(31)
    assert store.mail.mailboxes(wallet_id) == []
    assert post.deposit() == refused(Refusal.UNKNOWN)


def test_an_idle_wallets_mailboxes_are_not_kept_in_memory() -> None:
    post = Post()
    post.opened()
    post.bench.relay.disconnect(post.laptop.peer)
    post.deposit()
    post.post(Deposit(sealed=b"x"), capability=bytes(32))
    rows = post.bench.relay.mailboxes._rows  # noqa: SLF001  # It is what this is about.
    assert not rows._wallets  # noqa: SLF001
    assert not rows._owners  # noqa: SLF001
    assert post.bench.relay.wallets_count == 0


def test_names_of_nothing_are_refused() -> None:
    post = Post()
    nowhere = MailboxAddress(bytes(32))
    for request in (TakeMail(address=nowhere, after=0), CloseMailbox(address=nowhere)):
        (told,) = post.ask(request)
        assert told == MailboxRefused(address=nowhere, about=None, reason=Reason.INVALID)
    assert post.ask(MergedMail(address=nowhere, upto=1, n=0)) == []
    assert SnapshotId(bytes(32)) == bytes(32)
