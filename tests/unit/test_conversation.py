import asyncio

import pytest

from billfold.conversation import Conversation
from billfold.cursor import CURSOR_KEY, read_cursor
from billfold.document import FieldEdit, random_record_id
from billfold.events import Event
from billfold.proposals import Proposals
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import ServerIdentity
from billfold_protocol.feed import Ack, Checkpoint
from billfold_protocol.ids import EntryId, InstanceId, ServerKey
from billfold_protocol.membership import Role
from billfold_protocol.messages import (
    PROTOCOL_VERSION,
    CaughtUp,
    Challenge,
    Pushed,
    Subscribe,
    Subscribed,
    encode_server_message,
    parse_client_message,
)
from tests.support.circle import Circle, CircleDevice, Membership
from tests.support.seeded_bytes import SeededBytes, bytes_of

ADDRESS = "https://wallet.example"


def challenge_of(seed: str) -> bytes:
    key = ServerKey(SigningKey(bytes_of(seed, 32)).public_key)
    return encode_server_message(
        Challenge(
            version=PROTOCOL_VERSION,
            nonce=bytes(32),
            server_key=key,
            instance=InstanceId(bytes(16)),
        )
    )


def converse(device: CircleDevice) -> Conversation:
    events: list[Event] = []
    return Conversation(
        lambda: device.replica,
        Proposals(lambda: device.replica),
        address=ADDRESS,
        token=None,
        random=SeededBytes("conversation"),
        tell=events.append,
    )


def subscribed(conversation: Conversation) -> list[Subscribe]:
    messages = [parse_client_message(frame) for frame in conversation.outgoing]
    return [message for message in messages if isinstance(message, Subscribe)]


def test_nothing_is_said_before_the_pinned_server_is_durable() -> None:
    """Else a crash would leave the server with a `home` entry that the device makes anew."""
    owner = Circle("conversation")["owner"]
    conversation = converse(owner)
    conversation.receive(challenge_of("server"))
    assert conversation.outgoing == []
    replica = owner.replica
    owner.store.commit(replica.journal.take_writes())
    conversation.send_due(replica.journal.take_sends())
    assert len(subscribed(conversation)) == 1
    owner.restart()
    assert owner.replica.state.home == replica.state.home is not None


def test_a_server_with_another_key_than_the_pinned_one_is_told_nothing() -> None:
    owner = Circle("conversation")["owner"]
    converse(owner).receive(challenge_of("server"))
    owner.settle()
    other = converse(owner)
    with pytest.raises(ServerIdentity):
        other.receive(challenge_of("another server"))
    assert other.outgoing == []
    assert owner.replica.journal.take_sends() == []


def test_a_rotation_whose_wrapped_key_was_lost_on_the_way_is_asked_for_again() -> None:
    circle = Circle("conversation")
    phone = circle.link("phone", Role.EDITOR)
    converse(circle["owner"]).receive(challenge_of("server"))
    circle["owner"].settle()
    home = circle["owner"].replica.core.chain.raws[2]
    phone.replica.receive_members(2, [home])
    rotation = circle.rotate("owner")
    phone.receive(Membership(rotation.k, type(rotation.authored)(rotation.authored.raw)))
    assert phone.replica.state.k == rotation.k
    conversation = converse(phone)
    conversation.receive(challenge_of("server"))
    conversation.send_due(phone.replica.journal.take_sends())
    assert [message.k for message in subscribed(conversation)] == [rotation.k - 1]


def test_an_unacknowledged_entry_is_not_claimed_so_that_the_server_shows_whether_it_has_it() -> (
    None
):
    owner = Circle("conversation")["owner"]
    conversation = converse(owner)
    conversation.receive(challenge_of("server"))
    owner.replica.edit([FieldEdit(random_record_id(bytes(16)), "type", "login")])
    owner.replica.prepare(room=1 << 20)
    owner.store.commit(owner.replica.journal.take_writes())
    conversation.send_due(owner.replica.journal.take_sends()[:1])
    assert owner.replica.core.feed in owner.replica.vector
    assert [message.vector for message in subscribed(conversation)] == [{}]


async def test_a_membership_entry_waits_for_the_key_of_the_newest_epoch() -> None:
    circle = Circle("conversation")
    phone = circle.link("phone", Role.EDITOR)
    proposals = Proposals(lambda: phone.replica)
    rotation = circle.rotate("owner")
    phone.receive(Membership(rotation.k, type(rotation.authored)(rotation.authored.raw)))
    done = proposals.add(lambda author: author.rotate())
    assert proposals.next(dict) is None
    phone.receive(rotation)
    append = proposals.next(dict)
    assert append is not None
    assert not done.done()
    done.cancel()
    await asyncio.sleep(0)


def test_an_ack_moves_the_cursor_only_where_nothing_else_can_have_arrived() -> None:
    owner = Circle("conversation")["owner"]
    conversation, replica = converse(owner), owner.replica
    conversation.receive(challenge_of("server"))
    owner.store.commit(replica.journal.take_writes())
    conversation.send_due(replica.journal.take_sends())
    (question,) = subscribed(conversation)
    key, state, wallet_id = SigningKey(bytes_of("server", 32)), replica.state, replica.wallet_id
    checkpoint = Checkpoint(
        wallet_id=wallet_id,
        n=4,
        k=state.k,
        head=state.head,
        time_s=0,
        client_nonce=question.client_nonce,
        vector_hash=bytes(32),
    )
    answer = Subscribed(wallet_id=wallet_id, checkpoint=checkpoint.sign(key), entries_count=0)
    conversation.receive(encode_server_message(answer))
    conversation.receive(encode_server_message(CaughtUp(wallet_id=wallet_id, n=4)))
    read = []
    # Two of its own; one of its own with one of somebody else's; one of its own again.
    for n, count in [(6, 2), (8, 1), (7, 1)]:
        ids = tuple(EntryId(bytes_of(f"entry {number}", 32)) for number in range(count))
        ack = Ack(wallet_id=wallet_id, ids=ids, n=n, k=state.k, head=state.head)
        pushed = Pushed(wallet_id=wallet_id, ack=ack.sign(key))
        conversation.receive(encode_server_message(pushed))
        cursor = read_cursor(replica.meta(CURSOR_KEY))
        read.append(None if cursor is None else cursor.n)
    assert read == [6, 6, 7]
