"""Names for bytes: every identifier has a type of its own, so that two kinds cannot be confused.

Spec: 01-terms.md
"""

from typing import NewType

WalletId = NewType("WalletId", bytes)
"""32 bytes: the hash of the wallet's `create` entry."""

DeviceId = NewType("DeviceId", bytes)
"""16 bytes: the start of the hash of the device's public keys."""

HolderId = NewType("HolderId", bytes)
"""16 random bytes that group one person's devices."""

FeedId = NewType("FeedId", bytes)
"""16 bytes: the start of the hash of device and salt; also the automerge actor of its changes."""

EntryId = NewType("EntryId", bytes)
"""32 bytes: the hash that names a feed entry, independent of how it is sealed."""

SnapshotId = NewType("SnapshotId", bytes)
"""32 bytes: the hash of a snapshot's statement."""

EpochId = NewType("EpochId", bytes)
"""16 bytes: the start of the hash of the membership entry that begins the epoch."""

BlobId = NewType("BlobId", bytes)
"""32 bytes: the hash of a blob's padded size and of its sealed chunks."""

HolderTag = NewType("HolderTag", bytes)
"""32 bytes, by which a server counts who holds a blob; it can be linked to nothing else."""

MailboxAddress = NewType("MailboxAddress", bytes)
"""32 bytes: the hash of a channel's public signing key; where an organisation leaves messages."""

MembershipHash = NewType("MembershipHash", bytes)
"""32 bytes: the hash of a membership entry's signed bytes."""

ChainHead = NewType("ChainHead", bytes)
"""16 bytes: the start of a `MembershipHash`, as feed entries carry it."""

ServerKey = NewType("ServerKey", bytes)
"""32 bytes: a server's Ed25519 public key."""

InstanceId = NewType("InstanceId", bytes)
"""16 random bytes that name one life of a server's store; arrival numbers belong to it."""

SigningPublicKey = NewType("SigningPublicKey", bytes)
"""32 bytes: an Ed25519 public key."""

WrappingPublicKey = NewType("WrappingPublicKey", bytes)
"""1216 bytes: an X-Wing public key (ML-KEM-768 followed by X25519)."""

EpochKey = NewType("EpochKey", bytes)
"""32 secret bytes; never printed, logged or compared other than by commitment."""


def short(identifier: bytes) -> str:
    """Return the first 8 hexadecimal digits, enough for a person to tell two ids apart."""
    return identifier[:4].hex()
