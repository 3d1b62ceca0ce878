"""Mutants of the rows about keys, ciphers and signatures.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

KEYS = "billfold_protocol.key_hierarchy"
ENVELOPE = "billfold_protocol.envelope"
PASSWORDS = "billfold_protocol.crypto.passwords"
STATE = "billfold_protocol.membership.state"

ENTRY = "billfold_protocol.feed.entry"

_EMPTY = 'return b""'
_LAX = (
    'scalar = int.from_bytes(signature[32:], "little") % '
    "(2**252 + 27742317777372353535851937790883648493); "
    'crypto_sign_open(signature[:32] + scalar.to_bytes(32, "little")'
    " + frame(domain, *parts), public_key)"
)
_TELLING_NONCE = (
    "freshness(replica, line.home.key, "
    "__import__('hashlib').sha256(replica.core.epoch_key or b'').digest())"
)
_LISTED = ("if listed_wraps(chain, k).get(device) != wrap_hash(wrapped):", "if False:")
_COMMITTED = ("if commit_to(opened) != epoch.commitment:", "if False:")

MUTANTS = (
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
        "K07",
        "an entry may be of any version",
        ENTRY,
        ("if not fields or fields[0] != VERSION or type(fields[0]) is not int:", "if False:"),
    ),
    mutant(
        "K07",
        "a server may speak any version",
        "billfold_protocol.client_session",
        ("if challenge.version != PROTOCOL_VERSION:", "if False:"),
    ),
    mutant(
        "K08",
        "purposes have no labels",
        "billfold_protocol.crypto.hashing",
        ("pieces = [domain.prefix]", 'pieces = [b""]'),
    ),
    mutant(
        "K09",
        "a ciphertext is bound to no place",
        ENVELOPE,
        ("return hashing.frame(Domain.ENTRY_SEAL, wallet_id, encoded_header)", _EMPTY),
    ),
    mutant(
        "K10",
        "a device asks again for one cause of failure only",
        "billfold.core",
        (
            "core.quarantined.add(entry.value.id)",
            "isinstance(error, VerificationError) and core.quarantined.add(entry.value.id)",
        ),
        at="secrets",
    ),
    mutant(
        "K11",
        "a login depends on a secret",
        "billfold.entrance",
        ("freshness(replica, line.home.key, line.random(32))", _TELLING_NONCE),
        at="secrets",
    ),
    mutant(
        "K12",
        "any signing key may be enrolled",
        STATE,
        ("enrolment.check_signing_key(link.keys.signing)", "id(link)"),
    ),
    mutant(
        "K12",
        "any wrapping key may be enrolled",
        STATE,
        ("enrolment.check_wrapping_key(link.keys.wrapping)", "id(link)"),
    ),
    mutant(
        "K13",
        "a signature's scalar may be above the order",
        "billfold_protocol.crypto.signing",
        ("crypto_sign_open(signature + frame(domain, *parts), public_key)", _LAX),
        at="error unchanged",
    ),
    mutant(
        "K14",
        "a nonce is not hedged with the message",
        "billfold_protocol.crypto.sealing",
        ("frame(Domain.NONCE, random, message)", "frame(Domain.NONCE, random)"),
        at="secrets",
    ),
    mutant(
        "K15",
        "ML-KEM's half is no secret",
        "billfold_protocol.crypto.wrapping",
        ("from_seed_bytes(expanded[:_ML_KEM_SEED_SIZE])", "from_seed_bytes(bytes(64))"),
        at="secrets",
    ),
    mutant(
        "K06",
        "hashing may cost anything",
        PASSWORDS,
        ("MEMORY_SIZE_MIN <= self.memory_size <= MEMORY_SIZE_MAX or", "self.memory_size or"),
        ("if not PASSES_MIN <= self.passes <= PASSES_MAX:", "if False:"),
    ),
    mutant(
        "K05",
        "a copy that is put back is taken for the device's own",
        "billfold.restoring",
        ("is_restored = current is not None and not token.matches(current)", "is_restored = False"),
        at="error unchanged",
    ),
)
