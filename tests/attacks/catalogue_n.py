"""Mutants of the rows about what anybody may send to a server.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

MUTANTS = (
    mutant(
        "N01",
        "a meeting place may have any name",
        "billfold_server.routes",
        ("if name != path and services.is_rendezvous_name(name):", "if name != path:"),
    ),
    mutant(
        "N03",
        "wrong proofs are answered without end",
        "billfold_server.gate",
        ("if not self._refusal_rate.take(address, 1, now_s=self._now_s()):", "if False:"),
    ),
    mutant(
        "N05",
        "a server starts on any library",
        "billfold_server.soundness",
        ("if parse_version(found) < minimum:", "if False:"),
    ),
    mutant(
        "N06",
        "what a full disk refused is not brought again",
        "billfold.pushing",
        ("Reason.FULL, ", ""),
        at="kept",
    ),
)
