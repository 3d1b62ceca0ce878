"""Linking a device to a wallet: the codes that begin it and the handshake that follows.

Spec: 22-linking.md
"""

from billfold_protocol.linking.codes import (
    CODE_WORDS_COUNT,
    CodeExchange,
    LinkingCode,
    split_code,
)
from billfold_protocol.linking.handshake import (
    NAME_SIZE_MAX,
    Hello,
    LinkInitiator,
    LinkResponder,
    Proposal,
    Welcome,
    fingerprint,
    keys_hash,
)

__all__ = [
    "CODE_WORDS_COUNT",
    "NAME_SIZE_MAX",
    "CodeExchange",
    "Hello",
    "LinkInitiator",
    "LinkResponder",
    "LinkingCode",
    "Proposal",
    "Welcome",
    "fingerprint",
    "keys_hash",
    "split_code",
]
