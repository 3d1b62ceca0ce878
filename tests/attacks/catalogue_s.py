"""Mutants of the rows about servers and the network between.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

ENTRY = "billfold_protocol.feed.entry"
GRAPH = "billfold_protocol.feed.graph"

_UNVERIFIED = (
    "return signing.verify(signed, public_key, Domain.ENTRY_SIGNATURE, wallet_id)",
    "return signing.Verified(signed.value, signed.raw, signing._VERIFIED)",
)

_TELLING = (
    "Reason.ROLE if self._store.load_wallet(wallet_id) is not None else Reason.UNKNOWN_WALLET"
)

MUTANTS = (
    mutant(
        "S01",
        "a server that goes back is not named",
        "billfold.accusing",
        ("if is_new:", "if is_new and finding.kind not in {'ServerRollback'}:"),
    ),
    mutant(
        "S01",
        "what a server has lost is not given back",
        "billfold.healing",
        ("for dep in lacking(replica, theirs):", "for dep in ():"),
        at="kept unchanged",
    ),
    mutant(
        "S02",
        "an entry counts before what others it builds on",
        ENTRY,
        (
            "if self.prev.previous is None:\n            return self.deps",
            "if 1:\n            return ()",
        ),
        at="error unchanged",
    ),
    mutant(
        "S03",
        "a statement need not be fresh",
        "billfold_protocol.client_session",
        ("if not nonces or checkpoint.client_nonce != nonces.popleft():", "if not nonces:"),
        at="error kept",
    ),
    mutant(
        "S03",
        "what a peer has seen is not asked for",
        "billfold.comparing",
        ("mine < seq:", "mine < -1:"),
        ("if hidden:", "if hidden and not hidden:"),
    ),
    mutant(
        "S04",
        "what does not come is not missed",
        "billfold.comparing",
        ("if missing := replica.core.graph.missing:", "if missing := []:"),
    ),
    mutant(
        "S05",
        "what waited for an entry is forgotten",
        GRAPH,
        ("queue.extend(self._waiting.take(dep))", "self._waiting.take(dep)"),
        at="unchanged",
    ),
    mutant(
        "S06",
        "an entry is never known already",
        GRAPH,
        (
            "if node is None:\n            return False\n        is_judged",
            "return False\n        is_judged",
        ),
        ("here = None if tree is None else tree.find(dep.seq, dep.id)", "here = None"),
        at="error unchanged",
    ),
    mutant("S07", "an entry of the own feed needs no signature", ENTRY, _UNVERIFIED),
    mutant(
        "S08",
        "an entry is of any wallet",
        ENTRY,
        (
            "return signing.sign_value(key, entry, body, Domain.ENTRY_SIGNATURE, wallet_id)",
            "return signing.sign_value(key, entry, body, Domain.ENTRY_SIGNATURE)",
        ),
        (
            "return signing.verify(signed, public_key, Domain.ENTRY_SIGNATURE, wallet_id)",
            "return signing.verify(signed, public_key, Domain.ENTRY_SIGNATURE)",
        ),
    ),
    mutant(
        "S09",
        "a snapshot need not be signed",
        "billfold_protocol.snapshot",
        (
            "signing.verify(signed, keys.signing, Domain.SNAPSHOT_SIGNATURE)",
            "signing.Verified(signed.value, signed.raw, signing._VERIFIED)",
        ),
    ),
    mutant(
        "S09",
        "a device begins with a snapshot on nobody's word",
        "billfold.snapshots.keeper",
        ("and judging.is_vouched(known)", "and known is not None"),
        at="unchanged",
    ),
    mutant(
        "S09",
        "what a snapshot leaves out is not missed",
        "billfold.snapshots.comparison",
        ("if mine - theirs:", "if False:"),
    ),
    mutant(
        "S10",
        "a hole in a feed is passed over",
        "billfold_server.holes",
        ("if last == head.seq:", "if last >= -1:"),
        at="error kept",
    ),
    mutant(
        "S10",
        "what is loose behind a hole is forgotten",
        "billfold_server.holes",
        ("self._loose[feed] = loose\n", "pass\n"),
        at="error kept",
    ),
    mutant(
        "S11",
        "an ack is not kept as evidence",
        "billfold.evidence",
        (
            "if kept is None or kept.entry.feed != newest.feed or kept.entry.seq <= newest.seq:",
            "if False:",
        ),
    ),
    mutant(
        "S12",
        "a beacon needs no signature",
        "billfold_protocol.feed.checkpoint",
        ("signing.check_signature(key, signature, domain, body)", "id(signature)"),
        at="unchanged",
    ),
    mutant(
        "S13",
        "a damaged entry is verified by nobody",
        ENTRY,
        _UNVERIFIED,
        at="error unchanged",
    ),
    mutant(
        "S14",
        "a redirect is followed",
        "billfold.transport.websocket",
        ("trace.on_request_redirect.append(_refuse_redirect)", "id(_refuse_redirect)"),
    ),
    mutant(
        "S15",
        "a proof is good at any address",
        "billfold_protocol.messages.handshake",
        ("origin.encode()", 'b""'),
    ),
    mutant(
        "S16",
        "a wrong proof proves",
        "billfold_protocol.server_session",
        (
            "except AuthFailed:\n                continue",
            "except AuthFailed:\n                return True",
        ),
        at="secrets",
    ),
    mutant(
        "S17",
        "an unknown wallet has an answer of its own",
        "billfold_server.relay",
        (
            "end_with(peer, wallet_id, Reason.UNKNOWN_WALLET)",
            f"end_with(peer, wallet_id, {_TELLING})",
        ),
        at="secrets",
    ),
)
