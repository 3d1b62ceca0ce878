"""Portable proofs: a file that shows anybody what a server or a device has signed and may not.

`records` are the kinds and their bytes, `checking` says in plain words what one proves. A verifier
needs the file and, to know whose wallet it is about, the wallet id; no server and no key.

Spec: 15-feeds.md
"""

from billfold_protocol.proofs.checking import Proven, chain_prefix, check_proof, server_keys
from billfold_protocol.proofs.records import (
    Equivocated,
    Forked,
    Proof,
    RolledBack,
    Shown,
    Stale,
    WronglyAcked,
    encode_proof,
    parse_proof,
)

__all__ = [
    "Equivocated",
    "Forked",
    "Proof",
    "Proven",
    "RolledBack",
    "Shown",
    "Stale",
    "WronglyAcked",
    "chain_prefix",
    "check_proof",
    "encode_proof",
    "parse_proof",
    "server_keys",
]
