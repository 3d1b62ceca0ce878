"""Every bound of the protocol, in one place, and how the bounds relate.

Sizes are in bytes, counts in items, durations in seconds.

Spec: 10-encoding.md
"""

CODEC_DEPTH_MAX = 12
"""Arrays and maps inside one another in one value."""

MAP_COUNT_MAX = 1024
"""Pairs of one map."""

ENTRY_PLAINTEXT_SIZE_MAX = 256 * 1024
"""The encoded plaintext of one feed entry, before padding."""

ENTRY_SIZE_MAX = 320 * 1024
"""One feed entry with its signature; Padmé adds at most 12 % to the plaintext."""

LIVE_ENTRY_PLAINTEXT_SIZE_MAX = 64 * 1024
"""What coalescing puts into one entry while the person is editing."""

PADDED_SIZE_MIN = 256
"""The smallest padded plaintext, so that short values look alike."""

DEPS_COUNT_MAX = 256
"""Heads of other feeds that one entry may name."""

CHANGES_COUNT_MAX = 4096
"""Automerge changes in one entry."""

MEMBERSHIP_ENTRY_SIZE_MAX = 128 * 1024
"""One membership entry with its signature."""

CHAIN_LENGTH_MAX = 4096
"""Entries of one membership chain."""

BRANCH_LENGTH_MAX = 256
"""Entries of the other branch that one `merge` carries; its size bounds them too."""

OLDER_LINKS_COUNT_MAX = 8
"""Older epochs' keys that one `rotate` seals beside that of the epoch before."""

MERGE_DEPTH_MAX = 4
"""Merges inside one another: a branch may hold a merge itself."""

MEMBERS_COUNT_MAX = 256
"""Members of one wallet at one time."""

FEEDS_COUNT_MAX = 1024
"""Feeds of one wallet: a device has one, and one more for each restored backup."""

ADDRESS_SIZE_MAX = 256
"""The UTF-8 address of a server."""

FALLBACKS_COUNT_MAX = 8
"""Fallback servers that one `home` entry may name."""

FORMER_HOME_S = 30 * 86_400
"""Seconds for which a server goes on serving a wallet that has moved away, and is asked."""

WRAP_SIZE_MAX = 2048
"""One wrapped epoch key."""

FRAME_SIZE_MAX = 1024 * 1024
"""One WebSocket message in either direction."""

BATCH_COUNT_MAX = 1024
"""Entries in one message."""

BATCH_SIZE_MAX = 512 * 1024
"""Entry bytes that a sender puts into one message, unless one entry alone is bigger."""

SUBSCRIPTIONS_COUNT_MAX = 1024
"""Wallets on one connection."""

PUSH_CREDIT_SIZE = 4 * 1024 * 1024
"""Entry bytes a client may have pushed and not yet seen answered, for each wallet."""

WAITING_COUNT_MAX = 20_000
"""Entries a replica keeps that wait for something they name."""

WAITING_SIZE_MAX = 64 * 1024 * 1024
"""Bytes of those entries."""

SNAPSHOT_STATEMENT_SIZE_MAX = 128 * 1024
"""One snapshot's statement with its signature."""

SNAPSHOT_SIZE_MAX = 64 * 1024 * 1024
"""The ciphertext of one snapshot."""

SNAPSHOT_PART_SIZE = 256 * 1024
"""Bytes of a snapshot's ciphertext in one message; its last part may be shorter."""

SNAPSHOT_ASIDE_COUNT_MAX = 65_536
"""Entries and changes set aside, and changes that wait, that one snapshot may carry of each."""

SNAPSHOTS_TOLD_COUNT = 8
"""Snapshots, the newest, that a server tells a device of when it subscribes."""

SNAPSHOTS_DECLINED_COUNT_MAX = 16
"""Snapshots that a client may name as those it does not want again."""

SNAPSHOT_TAIL_COUNT_MIN = 500
"""Entries since the last snapshot that are not worth another, however small it is."""

SNAPSHOT_TAIL_RATIO = 2
"""Or so many times its size in bytes of entries."""

SNAPSHOT_GRACE_S = 7 * 24 * 3600
"""How long a server keeps what an endorsed snapshot covers, for objections."""

SNAPSHOT_ALONE_S = 30 * 24 * 3600
"""Likewise for one that nobody can endorse, because its author is the only device."""

TEXT_SIZE_MAX = 512
"""A reason or a name in a message, in UTF-8."""

PROOF_SIZE_MAX = 16 * 1024 * 1024
"""A proof as a file: mostly the membership chain up to what it needs of it."""

CARRIED_PROOF_SIZE_MAX = 16 * 1024
"""A proof that a beacon carries."""

CARRIED_PROOFS_COUNT_MAX = 2
"""Proofs in one beacon."""

BEACON_SIZE_MAX = 100 * 1024
"""One beacon: the head of every feed, a checkpoint and proofs."""

KNOWN_STATEMENTS_COUNT_MAX = 16
"""Statements whose existence one client nonce shows."""

REGISTRATION_SIZE_MAX = 8 * 1024 * 1024
"""Bytes of membership entries that one connection brings before a registration."""

RENDEZVOUS_FRAME_SIZE_MAX = 16 * 1024
"""One message between two linking devices."""

RENDEZVOUS_FRAMES_COUNT_MAX = 16
"""Messages that one side of a rendezvous may send."""

WELCOME_HEADS_COUNT_MAX = 224
"""Heads in the beacon that a new device is welcomed with."""

LINKING_LIFETIME_S = 300
"""A linking code is spent after this time."""

BLOB_CHUNK_SIZE = 256 * 1024
"""Padded content in one chunk of a blob; the last chunk may hold less."""

BLOB_CHUNKS_COUNT_MAX = 1024
"""Chunks of one blob."""

BLOB_SIZE_MAX = 256 * 1024 * 1024
"""The padded content of one blob."""

BLOB_HOLDERS_COUNT_MAX = 256
"""Holders that one blob may have at one time."""

ATTACHMENT_SIZE_MAX = 100 * 1024 * 1024
"""The content of one attachment."""
RECOVERY_PIN_SIZE_MIN = 4096
"""A sealed recovery pin, so that those of most wallets, and a decoy, look alike."""

RECOVERY_PIN_SIZE_MAX = 80 * 1024
"""The sealed recovery pin of a wallet with very many feeds."""

MAILBOX_ITEM_SIZE_MAX = 64 * 1024
"""One sealed message in a mailbox, in either direction."""

MAILBOX_REQUEST_SIZE_MAX = MAILBOX_ITEM_SIZE_MAX + 64
"""One request about a mailbox over HTTPS."""

MAILBOX_ANSWER_SIZE_MAX = 640 * 1024
"""One signed answer to such a request."""

MAILBOX_CARD_SIZE_MAX = 1536
"""A person's public keys for one relationship, signed."""

MAILBOXES_COUNT_MAX = 2048
"""Mailboxes of one wallet, closed ones that a server still knows included."""

MAILBOX_LIFETIME_S = 30 * 24 * 3600
"""How long a server keeps what nobody has collected."""

CHANNEL_CONTENT_SIZE_MAX = 58 * 1024
"""The text of one message to a person, or of a reply, before it is signed, padded and sealed."""

assert PADDED_SIZE_MIN < LIVE_ENTRY_PLAINTEXT_SIZE_MAX <= ENTRY_PLAINTEXT_SIZE_MAX
# A dep, like a head in a cut, is an array of 18 + 9 + 34 bytes and its own first byte.
assert ENTRY_PLAINTEXT_SIZE_MAX * 112 // 100 + DEPS_COUNT_MAX * 62 + 512 <= ENTRY_SIZE_MAX
assert ENTRY_SIZE_MAX <= BATCH_SIZE_MAX < FRAME_SIZE_MAX
assert BATCH_SIZE_MAX <= PUSH_CREDIT_SIZE
# A head in a beacon, as in a cut, has 62 bytes.
assert FEEDS_COUNT_MAX * 62 + CARRIED_PROOFS_COUNT_MAX * (CARRIED_PROOF_SIZE_MAX + 3) + 1024 <= (
    BEACON_SIZE_MAX
)
# A welcome is one frame: a beacon without proofs, an address, and what wraps and seals them.
assert WELCOME_HEADS_COUNT_MAX * 62 + 768 + ADDRESS_SIZE_MAX + 128 + 1280 <= (
    RENDEZVOUS_FRAME_SIZE_MAX
)
# The largest `revoke`: a cut of every feed, and a wrap hash of 34 bytes for every member.
assert FEEDS_COUNT_MAX * 62 + MEMBERS_COUNT_MAX * 34 + 512 <= MEMBERSHIP_ENTRY_SIZE_MAX
# It travels in one message with all of its wraps.
assert MEMBERSHIP_ENTRY_SIZE_MAX + MEMBERS_COUNT_MAX * (WRAP_SIZE_MAX + 32) <= FRAME_SIZE_MAX
# A covered head is an array of 1 + 17 + 9 + 34 + 17 bytes with its longest numbers.
assert FEEDS_COUNT_MAX * 79 + 512 <= SNAPSHOT_STATEMENT_SIZE_MAX
assert SNAPSHOT_STATEMENT_SIZE_MAX + SNAPSHOT_PART_SIZE < FRAME_SIZE_MAX
assert SNAPSHOT_SIZE_MAX % SNAPSHOT_PART_SIZE == 0
assert BLOB_CHUNKS_COUNT_MAX * BLOB_CHUNK_SIZE == BLOB_SIZE_MAX
# A chunk travels in one message with its nonce, its tag and its place; so do all hashes of a blob.
assert BLOB_CHUNK_SIZE + 256 <= FRAME_SIZE_MAX
assert BLOB_CHUNKS_COUNT_MAX * 32 + 256 <= FRAME_SIZE_MAX
# Padmé adds at most 12 % to an attachment.
assert ATTACHMENT_SIZE_MAX * 112 // 100 <= BLOB_SIZE_MAX
# A pin names every feed's head, and is padded.
assert (
    (FEEDS_COUNT_MAX * 62 + WRAP_SIZE_MAX + 1024) * 112 // 100
    <= RECOVERY_PIN_SIZE_MAX
    < FRAME_SIZE_MAX
)
# A message carries keys and a signature; Padmé adds less than 2,048 bytes, and HPKE 1,136.
assert CHANNEL_CONTENT_SIZE_MAX + 1500 + 2048 + 1136 <= MAILBOX_ITEM_SIZE_MAX
assert MAILBOX_REQUEST_SIZE_MAX <= BATCH_SIZE_MAX < MAILBOX_ANSWER_SIZE_MAX < FRAME_SIZE_MAX
assert MAILBOXES_COUNT_MAX * 64 < FRAME_SIZE_MAX
