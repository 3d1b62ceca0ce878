"""Mutants of the rows about devices, linking and membership.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

STATE = "billfold_protocol.membership.state"
RECOVERY = "billfold_protocol.recovery"
CHANNEL = "billfold_protocol.linking.channel"

_SIGNED = (
    "signing.verify(signed, author.keys.signing, Domain.MEMBERSHIP_SIGNATURE, self.wallet_id)",
    "pass",
)
_NO_SECRET = (
    (
        "derivation.derive_key(secret, Domain.LINKING_INITIATOR_KEY)",
        "derivation.derive_key(bytes(32), Domain.LINKING_INITIATOR_KEY)",
    ),
    (
        "derivation.derive_key(secret, Domain.LINKING_RESPONDER_KEY)",
        "derivation.derive_key(bytes(32), Domain.LINKING_RESPONDER_KEY)",
    ),
)

MUTANTS = (
    mutant(
        "D01",
        "a member's name is as good as its signature",
        STATE,
        _SIGNED,
        at="error unchanged",
    ),
    mutant(
        "D04",
        "any member may add a recovery member",
        STATE,
        ("link.kind is Kind.RECOVERY and", "False and"),
    ),
    mutant("D05", "linking needs no secret", CHANNEL, *_NO_SECRET),
    mutant(
        "D06",
        "linking does not wait for the person's word",
        "billfold.pairing",
        ("if not await _called(confirm(hello)):", "if await _called(confirm(hello)) is None:"),
    ),
    mutant(
        "D07",
        "linking is bound to no secret and no transcript",
        CHANNEL,
        *_NO_SECRET,
        ("self.transcript = hashing.digest(Domain.LINKING_TRANSCRIPT, self.transcript,", "id("),
    ),
    mutant(
        "D08",
        "what a removal hides from is sealed for all the same",
        "billfold.conversation",
        (
            "self._branching.is_apart or self._line.replica.core.graph.is_behind",
            "self._branching.is_apart",
        ),
        at="secrets",
    ),
    mutant(
        "D08",
        "a list of devices that is named and not shown is not missed",
        "billfold.comparing",
        (
            "if (hidden_k := replica.core.graph.missing_membership) is not None:",
            "if hidden_k := None:",
        ),
    ),
    mutant(
        "D09",
        "a removed device may go on writing",
        "billfold_protocol.feed.writers",
        ("if member is None and device in state.removed:", "if False:"),
    ),
    mutant(
        "D09",
        "a cut takes nothing away",
        "billfold_protocol.feed.counting",
        ("cut.excludes(feed=feed, seq=seq, entry_id=id_)\n                or ", ""),
        at="unchanged",
    ),
    mutant(
        "D10",
        "a new epoch has the old key",
        "billfold.authoring",
        ("key=key or EpochKey(self.random(32))", "key=key or self.epoch_keys[state.epoch.id]"),
        at="secrets",
    ),
    mutant(
        "D11",
        "a shorter chain is passed over",
        "billfold.comparing",
        ("missing = replica.core.chain.raws[k + 1 :]", "missing = ()"),
        at="error kept",
    ),
    mutant(
        "D12",
        "branches are merged without asking whose entries they hold",
        "billfold.other_history",
        ("return not history.contested or", "return True or"),
        at="error unchanged",
    ),
    mutant(
        "D12",
        "a removal on one branch only is none",
        "billfold_protocol.membership.merging",
        ("gone = {*main.removed, *other.removed} | void", "gone = {*main.removed} | void"),
        at="unchanged kept",
    ),
    mutant(
        "D13",
        "an entry of the chain may stand anywhere",
        STATE,
        (
            "(entry.wallet_id, entry.k, entry.previous) != (self.wallet_id, self.k + 1, self.hash)",
            "not entry",
        ),
    ),
    mutant(
        "D13",
        "a new device need not sign",
        STATE,
        (
            'raise UnsignedMember("the new device did not sign its own addition") from error',
            "id(error)",
        ),
    ),
    mutant(
        "D16",
        "a viewer may write",
        "billfold_protocol.feed.writers",
        ("if not member.may_write:", "if False:"),
    ),
    mutant(
        "D16",
        "a viewer may begin an epoch",
        STATE,
        ("if not author.role.can_write:", "if False:"),
    ),
    mutant(
        "D17",
        "a removed device may be listed again",
        STATE,
        ("if device in state.sponsors:", "if device in state.members:"),
    ),
    mutant(
        "D18",
        "a wrap need not hold the committed key",
        "billfold_protocol.key_hierarchy",
        ("if commit_to(opened) != epoch.commitment:", "if False:"),
        at="error unchanged",
    ),
    mutant(
        "D18",
        "nobody complains of a key that does not open",
        "billfold.remedies",
        ("self._ask(lambda author: author.complain())", "core.unopened_epochs.clear()"),
        at="error kept",
    ),
    mutant(
        "D18",
        "a complaint is not answered",
        "billfold.remedies",
        ("elif any(_is_answered(", "elif not core and any(_is_answered("),
        at="error kept",
    ),
    mutant(
        "D18",
        "who has the older keys does not look whether the new one leads to them",
        "billfold.remedies",
        ("if unreachable_epochs(core.chain, core.epoch_keys):", "if not core:"),
        at="error kept",
    ),
    mutant(
        "D18",
        "a new epoch does not lead past one that nobody can open",
        "billfold_protocol.key_hierarchy",
        ("if epoch in reached or epoch not in keys or", "if keys or"),
        at="error kept",
    ),
    mutant(
        "D18",
        "every complaint costs the others an epoch",
        "billfold.remedies",
        ("return count <= ANSWERS_COUNT_MAX", "return count >= 0"),
        at="error",
    ),
    mutant(
        "D19",
        "a recovery key may have any size",
        RECOVERY,
        ("if len(seed) != SEED_SIZE:", "if False:"),
    ),
    mutant(
        "D19",
        "a recovery key may be a pattern",
        RECOVERY,
        ("if len(set(seed)) < SEED_VALUES_COUNT_MIN:", "if False:"),
    ),
    mutant(
        "D20",
        "nobody is told that the words were used",
        "billfold.membership_news",
        ("    if (use := use_of(entry, before)) is not None:", "    if use := None:"),
    ),
    mutant(
        "D20",
        "one device may remove the words",
        STATE,
        ("if consent is None and has_recovery and not is_own_end:", "if False:"),
    ),
    mutant(
        "D20",
        "two devices need not have belonged for long",
        "billfold_protocol.membership.tenure",
        ("later.time_s - earlier.time_s < TENURE_S", "False"),
    ),
    mutant(
        "D14",
        "a locked wallet keeps its keys",
        "billfold.lockable",
        ("unlocked, self._unlocked = self._unlocked, None", "unlocked = self._unlocked"),
        at="error",
    ),
    mutant(
        "D15",
        "a device takes entries of its feed that it never made",
        "billfold.inbox",
        ("signed.value.feed in core.own_feeds and self._is_alien(signed)", "raws is None"),
        at="error kept",
    ),
    mutant(
        "D15",
        "a feed may grow past what the next one follows",
        "billfold.succession",
        ("if followed is None or seq <= followed or", "if True or"),
        at="error",
    ),
    mutant(
        "D15",
        "a device confirms its own new keys",
        "billfold_protocol.membership.replacing",
        ("maker.kind is Kind.AGENT or author == device:", "maker.kind is Kind.AGENT:"),
        at="error unchanged",
    ),
    mutant(
        "D15",
        "new keys need no word of the old ones",
        "billfold_protocol.membership.replacing",
        (
            'raise UnsignedMember("the device did not ask for these new keys") from error',
            "id(error)",
        ),
        at="error unchanged",
    ),
)
