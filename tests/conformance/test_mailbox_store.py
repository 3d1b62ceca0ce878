import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from billfold_protocol.errors import StoreError
from billfold_protocol.ids import MailboxAddress
from billfold_server.store import (
    DropMail,
    DropReplies,
    EndMailbox,
    ExpireMail,
    KeepReply,
    LogStore,
    MarkMail,
    PutMail,
    PutMailbox,
    StoredMail,
    StoredMailbox,
    StoredReply,
    open_store,
)
from tests.support.log_writes import birth, wallet

HERE, THERE = MailboxAddress(b"\1" * 32), MailboxAddress(b"\2" * 32)
DAY_S = 86_400


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    address = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'wallets.db'}"
    opened = open_store(address)
    opened.commit([birth(wallet(0)), birth(wallet(1)), made(HERE), made(THERE, of=1)])
    yield opened
    opened.close()


def made(address: MailboxAddress, *, of: int = 0) -> PutMailbox:
    mailbox = StoredMailbox(address=address, capability=b"c" * 32)
    return PutMailbox(wallet_id=wallet(of), mailbox=mailbox, card=b"card of " + address)


def mail(number: int, *, time_s: int = 100, size: int = 10) -> StoredMail:
    raw = bytes([number]) * size
    return StoredMail(number=number, time_s=time_s, item=hashlib.sha256(raw).digest(), raw=raw)


def put(number: int, *, time_s: int = 100, size: int = 10) -> PutMail:
    one = mail(number, time_s=time_s, size=size)
    return PutMail(wallet_id=wallet(0), address=HERE, mail=one)


def reply(number: int, *, time_s: int = 100, raw: bytes = b"reply") -> StoredReply:
    return StoredReply(
        number=number, time_s=time_s, about=bytes([number]) * 32, item=b"i" * 32, raw=raw
    )


def keep(number: int, *, time_s: int = 100) -> KeepReply:
    return KeepReply(wallet_id=wallet(0), address=HERE, reply=reply(number, time_s=time_s))


def numbers(store: LogStore, *, after: int = 0, count_max: int = 99, size_max: int = 999) -> object:
    found = store.mail.read_mail(HERE, after=after, count_max=count_max, size_max=size_max)
    return [one.number for one in found]


def test_a_mailbox_is_found_by_its_address_and_listed_with_its_wallet(store: LogStore) -> None:
    assert store.mail.find_wallet(HERE) == wallet(0)
    assert store.mail.find_wallet(MailboxAddress(b"\3" * 32)) is None
    assert [box.address for box in store.mail.mailboxes(wallet(0))] == [HERE]
    assert store.mail.card(HERE) == b"card of " + HERE
    assert store.mail.card(MailboxAddress(b"\3" * 32)) == b""


def test_a_mailbox_that_is_made_again_stays_as_it_is_and_whose_it_is(store: LogStore) -> None:
    store.commit([put(1), EndMailbox(wallet_id=wallet(0), address=HERE, closed_s=7)])
    store.commit([made(HERE), made(HERE, of=1)])
    (box,) = store.mail.mailboxes(wallet(0))
    assert (box.closed_s, box.last) == (7, 1)
    assert store.mail.find_wallet(HERE) == wallet(0)


def test_messages_come_back_in_order_within_the_bounds_and_are_counted(store: LogStore) -> None:
    store.commit([put(1), put(2), put(5)])
    assert numbers(store) == [1, 2, 5]
    assert numbers(store, after=1) == [2, 5]
    assert numbers(store, after=2**63) == []
    assert numbers(store, count_max=2) == [1, 2]
    assert numbers(store, size_max=20) == [1, 2]
    assert numbers(store, size_max=1) == [1]
    assert store.mail.find_mail(HERE, mail(2).item) == mail(2)
    assert store.mail.find_mail(HERE, mail(3).item) is None
    (box,) = store.mail.mailboxes(wallet(0))
    assert (box.last, box.count, box.size, box.merged) == (5, 3, 30, 0)


def test_what_names_another_wallets_mailbox_changes_nothing(store: LogStore) -> None:
    other = wallet(1)
    store.commit([put(1), keep(1), MarkMail(wallet_id=wallet(0), address=HERE, upto=1, n=3)])
    store.commit(
        [
            PutMail(wallet_id=other, address=HERE, mail=mail(2)),
            KeepReply(wallet_id=other, address=HERE, reply=reply(2)),
            EndMailbox(wallet_id=other, address=HERE, closed_s=1),
            MarkMail(wallet_id=other, address=HERE, upto=9, n=1),
            DropReplies(wallet_id=other, address=HERE, upto=9),
            DropMail(wallet_id=other, covered_n=9),
            ExpireMail(wallet_id=other, before_s=999, forget_before_s=999),
        ]
    )
    (box,) = store.mail.mailboxes(wallet(0))
    assert (box.closed_s, box.last, box.count, box.merged) == (None, 1, 1, 1)
    assert (box.replies_last, box.replies_size) == (1, 5)


def test_messages_go_once_what_holds_them_is_covered(store: LogStore) -> None:
    store.commit([put(1), put(2), put(3)])
    store.commit([MarkMail(wallet_id=wallet(0), address=HERE, upto=2, n=40)])
    store.commit([MarkMail(wallet_id=wallet(0), address=HERE, upto=3, n=50)])
    store.commit([DropMail(wallet_id=wallet(0), covered_n=39)])
    assert numbers(store) == [1, 2, 3]
    store.commit([DropMail(wallet_id=wallet(0), covered_n=40)])
    assert numbers(store) == [3]
    (box,) = store.mail.mailboxes(wallet(0))
    assert (box.last, box.count, box.merged) == (3, 1, 3)


def test_a_reply_is_found_by_what_it_is_about_even_when_its_bytes_are_gone(
    store: LogStore,
) -> None:
    store.commit([keep(1), keep(2), keep(3)])
    store.commit([DropReplies(wallet_id=wallet(0), address=HERE, upto=2)])
    assert store.mail.find_reply(HERE, reply(1).about) == reply(1, raw=b"")
    left = store.mail.read_replies(HERE, after=0, count_max=9, size_max=99)
    assert list(left) == [reply(3)]
    (box,) = store.mail.mailboxes(wallet(0))
    assert (box.replies_last, box.replies_count, box.replies_size) == (3, 3, 5)


def test_of_two_replies_about_the_same_thing_the_first_stays(store: LogStore) -> None:
    again = StoredReply(number=2, time_s=1, about=reply(1).about, item=b"j" * 32, raw=b"other")
    store.commit([keep(1), KeepReply(wallet_id=wallet(0), address=HERE, reply=again), put(1)])
    assert store.mail.find_reply(HERE, reply(1).about) == reply(1)
    assert numbers(store) == [1]


def test_what_is_old_is_due_and_goes(store: LogStore) -> None:
    due = partial(store.mail.due, before_s=150, forget_before_s=50, count_max=9)
    store.commit([put(1, time_s=149), put(2, time_s=151), keep(1, time_s=149), keep(2)])
    assert list(due()) == [wallet(0)]
    store.commit([ExpireMail(wallet_id=wallet(0), before_s=150, forget_before_s=50)])
    assert numbers(store) == [2]
    assert list(due()) == []
    assert store.mail.find_reply(HERE, reply(1).about) is not None
    store.commit([ExpireMail(wallet_id=wallet(0), before_s=150, forget_before_s=150)])
    assert store.mail.find_reply(HERE, reply(1).about) is None


def test_a_mailbox_that_was_closed_long_ago_is_forgotten_with_all_that_is_in_it(
    store: LogStore,
) -> None:
    store.commit([put(1, time_s=500), EndMailbox(wallet_id=wallet(0), address=HERE, closed_s=9)])
    store.commit([EndMailbox(wallet_id=wallet(0), address=HERE, closed_s=99)])
    assert store.mail.mailboxes(wallet(0))[0].closed_s == 9
    assert list(store.mail.due(before_s=0, forget_before_s=10, count_max=9)) == [wallet(0)]
    store.commit([ExpireMail(wallet_id=wallet(0), before_s=0, forget_before_s=10)])
    assert store.mail.find_wallet(HERE) is None
    assert numbers(store) == []


def test_a_mailbox_of_an_unknown_wallet_is_refused(store: LogStore) -> None:
    with pytest.raises(StoreError):
        store.commit([made(MailboxAddress(b"\3" * 32), of=2)])
    assert store.mail.find_wallet(MailboxAddress(b"\3" * 32)) is None


def test_a_closed_store_answers_nothing_about_mailboxes(store: LogStore) -> None:
    store.close()
    with pytest.raises(StoreError):
        store.mail.find_wallet(HERE)
