"""What becomes of one sealed message: a record, nothing because it is there, or a refusal.

Whatever is wrong with one message, the others are taken.

Spec: 26-channels.md
"""

import base64

from billfold.document import Edit, FieldEdit
from billfold.editing import natural_key_text
from billfold.events import MessageReceived
from billfold.mail.records import (
    DIGEST,
    RELATIONSHIP,
    SENDER,
    Channel,
    encode_sender,
    incoming_edits,
    message_record,
    pinned_sender,
    sender_name,
)
from billfold.plaintext import Plaintext
from billfold.receipts import COUNTERSIGN, digest_of
from billfold.replica import Replica
from billfold_protocol.errors import WrongContext, WrongSender
from billfold_protocol.mailbox_sealing import ChannelMessage, Direction


def take_message(replica: Replica, channel: Channel, sealed: bytes) -> MessageReceived | None:
    """Make a record of a sealed message; None if it was one before, here or on another device.

    Raises:
        AuthFailed: it is not sealed to this channel, or not signed by the sender that it names.
        WrongSender: it is from another sender than the channel's organisation.
        WrongContext: it was made for another channel, or repeats the id of another message.
        VerificationError, RemoteProtocolError: it is no message.
        AccessError, InputError: the wallet cannot hold it.
    """
    message = channel.keys.party.unseal(
        sealed, address=channel.address, direction=Direction.TO_PERSON
    )
    edits = _check_sender(replica, channel, message)
    plaintext = Plaintext.parse(message.content)
    if plaintext.type == COUNTERSIGN:
        _take_countersignature(replica, channel, message, plaintext, edits)
        return None
    record, was_purged = message_record(replica, sender_name(message.sender), plaintext.id)
    if was_purged:
        return None
    if replica.document.has_record(record):
        known = replica.document.field(record, DIGEST)
        if known is None or message.id.hex() not in {value.value for value in known.values}:
            raise WrongContext("the organisation has used the id of this message for another one")
        return None
    replica.edit([*edits, *incoming_edits(record, channel, message, plaintext)])
    return MessageReceived(record=record, relationship=channel.relationship)


def _check_sender(replica: Replica, channel: Channel, message: ChannelMessage) -> list[Edit]:
    """Return the edits that pin the first sender; none where one is pinned."""
    pinned = pinned_sender(replica, channel)
    if pinned is None:
        return [FieldEdit(channel.record, SENDER, encode_sender(message.sender))]
    if pinned != message.sender:
        raise WrongSender("the message is signed by another sender than the organisation")
    return []


def _take_countersignature(
    replica: Replica,
    channel: Channel,
    message: ChannelMessage,
    plaintext: Plaintext,
    edits: list[Edit],
) -> None:
    """Put the organisation's signature beside the receipt that it names.

    Raises:
        WrongContext: it is on no receipt that this organisation was given.
    """
    key = natural_key_text((str(plaintext.body.get("record_id")),))
    document = replica.document
    record = document.natural_record_id(replica.wallet_id, "agreement", key)
    receipt, relationship = document.field(record, "receipt"), document.field(record, RELATIONSHIP)
    if (
        receipt is None
        or relationship is None
        or relationship.value != channel.relationship
        or plaintext.body.get("digest") != digest_of(str(receipt.value))
    ):
        raise WrongContext("the organisation has signed a receipt that it was not given")
    if document.field(record, "counter_receipt") is None:
        signed = base64.b64encode(message.signed).decode()
        replica.edit([*edits, FieldEdit(record, "counter_receipt", signed)])
