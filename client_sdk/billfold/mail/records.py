"""What the wallet's document holds about channels, and the records that messages become.

Spec: 26-channels.md
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from billfold.document import Edit, FieldEdit, RecordView, Scalar, record_id
from billfold.editing import natural_key_text
from billfold.plaintext import Plaintext
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import Malformed, WrongSender
from billfold_protocol.ids import MailboxAddress, SigningPublicKey, WrappingPublicKey
from billfold_protocol.mailbox_sealing import SEED_SIZE, ChannelKeys, ChannelMessage, PartyKeys

CHANNEL_TYPE: Final = "channel"
MESSAGE_TYPE: Final = "message"
RELATIONSHIP_TYPE: Final = "relationship"

SEED, RELATIONSHIP, CLOSED, SENDER = "seed", "relationship", "closed", "sender_keys"
DIGEST: Final = "digest"
_SENDER_SIZE_MAX: Final = 1536


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel as the document has it."""

    record: str
    """The id of its record."""

    relationship: str
    """The id of the record of the organisation."""

    keys: ChannelKeys
    is_closed: bool

    @property
    def address(self) -> MailboxAddress:
        """Its mailbox."""
        return self.keys.address


def channels_of(replica: Replica) -> Iterator[Channel]:
    """Return the wallet's channels; a record that is not whole is none yet."""
    for view in replica.document.records(CHANNEL_TYPE):
        channel = _parse_channel(view)
        if channel is not None:
            yield channel


def _parse_channel(view: RecordView) -> Channel | None:
    seed, relationship = _value(view, SEED), _value(view, RELATIONSHIP)
    if not isinstance(seed, bytes) or len(seed) != SEED_SIZE or not isinstance(relationship, str):
        return None
    state = view.fields.get(CLOSED)
    is_closed = state is not None and any(value.value is True for value in state.values)
    keys = _keys_of(seed)
    return Channel(record=view.id, relationship=relationship, keys=keys, is_closed=is_closed)


@lru_cache(512)
def _keys_of(seed: bytes) -> ChannelKeys:
    return ChannelKeys(seed)


def pinned_sender(replica: Replica, channel: Channel) -> PartyKeys | None:
    """Return the keys of the organisation, or None while none has written.

    Raises:
        WrongSender: two devices have pinned different ones; the person opens a new channel.
    """
    state = replica.document.field(channel.record, SENDER)
    if state is None:
        return None
    values = {value.value for value in state.values}
    if len(values) != 1:
        raise WrongSender("two senders have used this channel; close it and open another")
    (raw,) = values
    keys = _parse_sender(raw)
    if keys is None:
        raise WrongSender("the key that is pinned for this channel cannot be read")
    return keys


def _parse_sender(raw: Scalar) -> PartyKeys | None:
    if not isinstance(raw, bytes):
        return None
    try:
        fields = codec.as_array(codec.decode(raw, size_max=_SENDER_SIZE_MAX), 2)
        return PartyKeys(
            signing=SigningPublicKey(codec.as_bytes(fields[0], 32)),
            wrapping=WrappingPublicKey(codec.as_bytes(fields[1], 1216)),
        )
    except Malformed:
        return None


def encode_sender(keys: PartyKeys) -> bytes:
    """Return the organisation's keys as the document keeps them."""
    return codec.encode([keys.signing, keys.wrapping])


def sender_name(keys: PartyKeys) -> str:
    """Return the text that stands for an organisation's keys in the field `from`."""
    return f"urn:billfold:sender:{keys.fingerprint.hex()}"


def message_record(replica: Replica, sender: str, message_id: str) -> tuple[str, bool]:
    """Return the id of a message's record, and whether it was there once and has been purged."""
    key = natural_key_text((message_id, sender))
    first = record_id(replica.wallet_id, MESSAGE_TYPE, key)
    now = replica.document.natural_record_id(replica.wallet_id, MESSAGE_TYPE, key)
    return first, first != now


def incoming_edits(
    record: str, channel: Channel, message: ChannelMessage, plaintext: Plaintext
) -> list[Edit]:
    """Return the edits that make a message a record."""
    fields = {
        **_fields_of(plaintext),
        "from": sender_name(message.sender),
        RELATIONSHIP: channel.relationship,
        CHANNEL_TYPE: channel.record,
        DIGEST: message.id.hex(),
        "direction": "in",
        "state": "received",
    }
    return _edits(record, fields)


def outgoing_edits(
    record: str, channel: Channel, own_keys: PartyKeys, plaintext: Plaintext
) -> list[Edit]:
    """Return the edits that make an own message, which is not sent yet, a record."""
    fields = {
        **_fields_of(plaintext),
        "from": sender_name(own_keys),
        RELATIONSHIP: channel.relationship,
        CHANNEL_TYPE: channel.record,
        "direction": "out",
        "delivery": "draft",
    }
    return _edits(record, fields)


def _fields_of(plaintext: Plaintext) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {
        "type": MESSAGE_TYPE,
        "message_id": plaintext.id,
        "message_type": plaintext.type,
        "body": _encode_json(plaintext.body),
    }
    for name in ("created_time", "expires_time", "thid", "pthid"):
        value = getattr(plaintext, name)
        if value is not None:
            fields[name] = value
    for index, attachment in enumerate(plaintext.attachments):
        fields[f"attached/{index:03d}"] = _encode_json(attachment)
    if plaintext.text:
        fields["subject"] = plaintext.text.strip().partition("\n")[0][:SUBJECT_LENGTH_MAX]
    return {name: value for name, value in fields.items() if value != ""}


def _encode_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _edits(record: str, fields: dict[str, Scalar]) -> list[Edit]:
    return [FieldEdit(record, name, value) for name, value in fields.items()]


def _value(view: RecordView, field: str) -> Scalar:
    state = view.fields.get(field)
    return None if state is None else state.value


SUBJECT_LENGTH_MAX: Final = 120
"""Characters of a message that a list shows."""
