"""Every domain label of Billfold, each used for one purpose only.

A label is the first input of the hash, signature, key derivation or associated data that it names,
so that bytes made for one purpose never verify for another.

Spec: 11-cryptography.md
"""

from enum import Enum, unique


@unique
class Domain(Enum):
    """One purpose of one cryptographic operation."""

    prefix: bytes
    """The label after its length in 4 bytes: how every framed input begins."""

    def __init__(self, label: bytes) -> None:
        self.prefix = len(label).to_bytes(4, "big") + label

    DEVICE_ID = b"billfold/v1/hash/device-id"
    MEMBERSHIP_HASH = b"billfold/v1/hash/membership-entry"
    FEED_ID = b"billfold/v1/hash/feed-id"
    ENTRY_ID = b"billfold/v1/hash/feed-entry"
    ENTRY_BODY = b"billfold/v1/hash/entry-body"
    EPOCH_COMMITMENT = b"billfold/v1/hash/epoch-commitment"
    WRAP_HASH = b"billfold/v1/hash/wrap"
    VECTOR_HASH = b"billfold/v1/hash/vector"
    SNAPSHOT_ID = b"billfold/v1/hash/snapshot"
    SNAPSHOT_BODY = b"billfold/v1/hash/snapshot-body"
    STATEMENT_HASH = b"billfold/v1/hash/statement"
    CLIENT_NONCE = b"billfold/v1/hash/client-nonce"
    VECTOR_FORK = b"billfold/v1/hash/vector-fork"
    REPLACEMENT_CODE = b"billfold/v1/hash/replacement-code"
    LINKING_KEYS = b"billfold/v1/hash/linking-keys"
    LINKING_TRANSCRIPT = b"billfold/v1/hash/linking-transcript"
    BLOB_CHUNK = b"billfold/v1/hash/blob-chunk"
    BLOB_ID = b"billfold/v1/hash/blob"
    ACTIVITY_HASH = b"billfold/v1/hash/activity"
    ANSWER_ID = b"billfold/v1/hash/answer"
    MAILBOX_ADDRESS = b"billfold/v1/hash/mailbox-address"
    MAILBOX_CAPABILITY = b"billfold/v1/hash/mailbox-capability"
    MAILBOX_REQUEST = b"billfold/v1/hash/mailbox-request"
    MAILBOX_ITEM = b"billfold/v1/hash/mailbox-item"
    CHANNEL_MESSAGE_ID = b"billfold/v1/hash/channel-message"
    CHANNEL_SENDER = b"billfold/v1/hash/channel-sender"

    MEMBERSHIP_SIGNATURE = b"billfold/v1/sign/membership-entry"
    MEMBERSHIP_ACCEPTANCE = b"billfold/v1/sign/membership-acceptance"
    MEMBERSHIP_CONSENT = b"billfold/v1/sign/membership-consent"
    REPLACEMENT_REQUEST = b"billfold/v1/sign/replacement-request"
    REPLACEMENT_ACCEPTANCE = b"billfold/v1/sign/replacement-acceptance"
    ENTRY_SIGNATURE = b"billfold/v1/sign/feed-entry"
    CHECKPOINT_SIGNATURE = b"billfold/v1/sign/checkpoint"
    ACK_SIGNATURE = b"billfold/v1/sign/ack"
    REJECTION_SIGNATURE = b"billfold/v1/sign/rejection"
    SUBSCRIBE_SIGNATURE = b"billfold/v1/sign/subscribe"
    REGISTER_SIGNATURE = b"billfold/v1/sign/register"
    BEACON_SIGNATURE = b"billfold/v1/sign/beacon"
    SNAPSHOT_SIGNATURE = b"billfold/v1/sign/snapshot"
    SNAPSHOT_ENDORSEMENT = b"billfold/v1/sign/snapshot-endorsement"
    SNAPSHOT_OBJECTION = b"billfold/v1/sign/snapshot-objection"
    RECOVERY_LOCATOR_SIGNATURE = b"billfold/v1/sign/recovery-locator"
    RECOVERY_DECOY_SIGNATURE = b"billfold/v1/sign/recovery-decoy"
    MAILBOX_OPENING_SIGNATURE = b"billfold/v1/sign/mailbox-opening"
    MAILBOX_CARD_SIGNATURE = b"billfold/v1/sign/mailbox-card"
    MAILBOX_ANSWER_SIGNATURE = b"billfold/v1/sign/mailbox-answer"
    CHANNEL_MESSAGE_SIGNATURE = b"billfold/v1/sign/channel-message"
    CHANNEL_REPLY_SIGNATURE = b"billfold/v1/sign/channel-reply"

    ENTRY_KEY = b"billfold/v1/derive/entry-key"
    SNAPSHOT_KEY = b"billfold/v1/derive/snapshot-key"
    BACK_LINK_KEY = b"billfold/v1/derive/back-link-key"
    NONCE_KEY = b"billfold/v1/derive/nonce-key"
    NONCE = b"billfold/v1/derive/nonce"
    LINKING_INITIATOR_KEY = b"billfold/v1/derive/linking-initiator"
    LINKING_RESPONDER_KEY = b"billfold/v1/derive/linking-responder"
    PASSWORD_KEY = b"billfold/v1/derive/password-key"
    PASSWORD_COMMITMENT = b"billfold/v1/derive/password-commitment"
    LINKING_CODE_SECRET = b"billfold/v1/derive/linking-code-secret"
    BLOB_HOLDER = b"billfold/v1/derive/blob-holder"
    RECOVERY_SIGNING_SEED = b"billfold/v1/derive/recovery-signing-seed"
    RECOVERY_WRAPPING_SEED = b"billfold/v1/derive/recovery-wrapping-seed"
    RECOVERY_LOCATOR = b"billfold/v1/derive/recovery-locator"
    RECOVERY_PIN_KEY = b"billfold/v1/derive/recovery-pin-key"
    CHANNEL_SIGNING_SEED = b"billfold/v1/derive/channel-signing-seed"
    CHANNEL_WRAPPING_SEED = b"billfold/v1/derive/channel-wrapping-seed"
    CHANNEL_CAPABILITY = b"billfold/v1/derive/channel-capability"
    CHANNEL_ABOUT_KEY = b"billfold/v1/derive/channel-about-key"
    CHANNEL_ABOUT = b"billfold/v1/derive/channel-about"

    ENTRY_SEAL = b"billfold/v1/seal/feed-entry"
    SNAPSHOT_SEAL = b"billfold/v1/seal/snapshot"
    BACK_LINK_SEAL = b"billfold/v1/seal/back-link"
    LINKING_SEAL = b"billfold/v1/seal/linking"
    PASSWORD_SEAL = b"billfold/v1/seal/password"
    BLOB_CHUNK_SEAL = b"billfold/v1/seal/blob-chunk"
    RECOVERY_PIN_SEAL = b"billfold/v1/seal/recovery-pin"

    EPOCH_WRAP = b"billfold/v1/wrap/epoch-key"
    LINKING_WRAP = b"billfold/v1/wrap/linking-welcome"
    RECOVERY_WRAP = b"billfold/v1/wrap/recovery-epoch-key"
    CHANNEL_MESSAGE_WRAP = b"billfold/v1/wrap/channel-message"
    CHANNEL_REPLY_WRAP = b"billfold/v1/wrap/channel-reply"
