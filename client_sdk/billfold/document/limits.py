"""Bounds on what a wallet document takes in, from this device as well as from others.

Every size is in bytes and every bound is inclusive. A change of another member that is above one
is set aside; an edit of this device that is above one is refused before anything is stored.

Spec: 40-wallet-document.md
"""

from typing import Final

RECORD_ID_SIZE: Final = 16
RECORD_ID_LENGTH: Final = 26
"""Characters of a record id: 16 bytes in base32 without padding."""

TAG_TIME_SIZE: Final = 6
TAG_TIME_MAX_MS: Final = 2 ** (8 * TAG_TIME_SIZE) - 1
TAG_LENGTH_MIN: Final = 31
TAG_LENGTH_MAX: Final = 44
"""Characters of a tag: 8 of time, 1 to 14 of the change's number, 22 of its feed."""

FIELD_NAME_LENGTH_MAX: Final = 128
VALUE_SIZE_MAX: Final = 64 * 1024
NOTE_SIZE_MAX: Final = 64 * 1024
INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**63 - 1

EDIT_COUNT_MAX: Final = 20_000
"""Edits in one change; an import of more is several changes."""

CHANGE_SIZE_MAX: Final = 240 * 1024
"""One change as it travels; it leaves room for an entry's envelope in 256 KiB."""

CHANGE_INFLATED_SIZE_MAX: Final = 4 * 1024 * 1024
CHANGE_OPERATION_COUNT_MAX: Final = 200_000
CHANGE_DEPENDENCY_COUNT_MAX: Final = 1_024
CHANGE_ACTOR_COUNT_MAX: Final = 1_024
CHANGE_MESSAGE_SIZE_MAX: Final = 1_024
OPERATION_COUNTER_MAX: Final = 2**53
ACTOR_SIZE: Final = 16
HASH_SIZE: Final = 32

PENDING_COUNT_MAX: Final = 4_096
"""Changes of one feed that wait for others."""

PENDING_SIZE_MAX: Final = 4 * 1024 * 1024
"""Bytes of one feed's changes that wait for others."""

BATCH_COUNT_MAX: Final = 4_096
"""Changes handed to the CRDT in one message."""

TAIL_SIZE_MAX: Final = 4 * 1024 * 1024
"""Bytes of changes since the last full save after which the document is saved anew in memory."""

assert RECORD_ID_SIZE * 8 <= RECORD_ID_LENGTH * 5
assert VALUE_SIZE_MAX <= CHANGE_SIZE_MAX <= CHANGE_INFLATED_SIZE_MAX
assert CHANGE_SIZE_MAX <= PENDING_SIZE_MAX
assert EDIT_COUNT_MAX <= CHANGE_OPERATION_COUNT_MAX < OPERATION_COUNTER_MAX
assert TAG_TIME_SIZE * 8 % 6 == 0
assert TAG_LENGTH_MIN == TAG_TIME_SIZE * 8 // 6 + 1 + -(-ACTOR_SIZE * 8 // 6)
assert TAG_LENGTH_MIN - 1 + -(-OPERATION_COUNTER_MAX.bit_length() // 4) == TAG_LENGTH_MAX
