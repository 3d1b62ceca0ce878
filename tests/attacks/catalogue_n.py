"""Mutants of the rows about what anybody may send to a server.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

MUTANTS = (
    mutant(
        "N02",
        "a request may bring as much as it likes",
        "billfold_server.routes",
        (
            "if request.body_exists or has_length or hdrs.TRANSFER_ENCODING in request.headers:",
            "if False:",
        ),
    ),
    mutant(
        "N02",
        "a frame may have any size",
        "billfold_server.websocket",
        ("max_msg_size=limits.FRAME_SIZE_MAX + 1", "max_msg_size=0"),
    ),
    mutant(
        "N02",
        "a head may take for ever",
        "billfold_server.connections",
        ("keepalive_timeout=IDLE_S_MAX", "keepalive_timeout=10**6"),
    ),
    mutant(
        "N04",
        "who does not read is sent to all the same",
        "billfold_server.delivery",
        ("if peer.outbox.is_congested:", "if False:"),
        at="others",
    ),
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
