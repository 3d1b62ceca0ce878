"""What a server's refusal means to a person, and what the person can do about it.

Spec: 21-sync.md
"""

from billfold_protocol.errors import (
    BillfoldError,
    BlobMissing,
    DeviceRevoked,
    Equivocation,
    LimitExceeded,
    NotAuthorised,
    RegistrationClosed,
    StoreFull,
    TransportError,
)
from billfold_protocol.feed import Reason


def error_of(reason: Reason) -> BillfoldError:
    """Return the error that stands for a server's refusal, with what the person can do."""
    match reason:
        case Reason.QUOTA:
            return LimitExceeded("the server has no more room for this wallet; ask its operator")
        case Reason.RATE:
            return LimitExceeded("the server limits how fast this may be done; it goes on later")
        case Reason.FULL:
            return StoreFull("the server's disk is full; edits are kept here until it has room")
        case Reason.REGISTRATION:
            return RegistrationClosed(
                "the server takes new wallets only from people with a token; ask its operator"
            )
        case Reason.ROLE:
            return NotAuthorised("this device may read the wallet but not change it")
        case Reason.REVOKED | Reason.NOT_MEMBER | Reason.UNKNOWN_WALLET:
            return DeviceRevoked("the server does not take this device for one of the wallet's")
        case Reason.MOVED:
            return TransportError(
                "the server says that the wallet was moved to another one, and does not show where"
            )
        case Reason.UNKNOWN_BLOB:
            return BlobMissing("the server does not hold this file; another device may still")
        case Reason.FORK:
            return Equivocation("another copy of this device wrote to the wallet")
        case _:
            return TransportError(f"the server refused ({reason.value})")
