"""The mutants themselves, row by row: what is taken out, and where that must be noticed.

Spec: 02-threat-model.md
"""

from dataclasses import dataclass
from typing import get_args

from tests.support.adversaries.findings import Assertion

Edits = tuple[tuple[str, str], ...]
"""What is in a module's source exactly once, and what takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One check, taken out."""

    row: str
    name: str
    module: str
    edits: Edits
    fails_at: tuple[Assertion, ...] = ("error",)
    """The assertions of which one must fail."""

    def applied(self, source: str) -> str:
        """Return the source without the check."""
        for old, new in self.edits:
            count = source.count(old)
            assert count == 1, f"{self.name}: {old!r} is {count} times in {self.module}"
            source = source.replace(old, new)
        return source


def mutant(row: str, name: str, module: str, *edits: tuple[str, str], at: str = "error") -> Mutant:
    """Return a mutant; `at` names the assertions that may fail, with spaces between."""
    names = tuple(part for part in get_args(Assertion) if part in at.split())
    assert len(names) == len(at.split())
    return Mutant(row=row, name=name, module=module, edits=edits, fails_at=names)


KEYS = "billfold_protocol.key_hierarchy"
ENVELOPE = "billfold_protocol.envelope"
PASSWORDS = "billfold_protocol.crypto.passwords"
STATE = "billfold_protocol.membership.state"

_LISTED = ("if listed_wraps(chain, k).get(device) != wrap_hash(wrapped):", "if False:")
_COMMITTED = ("if commit_to(opened) != epoch.commitment:", "if False:")

MUTANTS: tuple[Mutant, ...] = (
    mutant("K01", "a wrap need not be listed", KEYS, _LISTED),
    mutant("K02", "a wrap need not be listed or hold the key", KEYS, _LISTED, _COMMITTED),
    mutant(
        "K02",
        "anybody may begin an epoch",
        STATE,
        (
            "author = self.members.get(entry.author)",
            "author = self.members.get(entry.author) or next(iter(self.members.values()))",
        ),
        (
            "signing.verify(signed, author.keys.signing, Domain.MEMBERSHIP_SIGNATURE, self",
            "id(self",
        ),
    ),
    mutant(
        "K03",
        "an entry need not hold what its id names",
        ENVELOPE,
        ("if hashing.digest(Domain.ENTRY_BODY, wallet_id, plaintext) != entry.body:", "if False:"),
    ),
    mutant(
        "K04",
        "sealed bytes need no commitment",
        PASSWORDS,
        ("if not hmac.compare_digest(commitment, parts.commitment):", "if False:"),
    ),
    mutant(
        "K06",
        "hashing may cost anything",
        PASSWORDS,
        ("MEMORY_SIZE_MIN <= self.memory_size <= MEMORY_SIZE_MAX or", "self.memory_size or"),
        ("if not PASSES_MIN <= self.passes <= PASSES_MAX:", "if False:"),
    ),
)
