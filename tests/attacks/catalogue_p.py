"""Mutants of the rows about what members and strangers send, and about what sizes tell.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

SEALING = "billfold_protocol.crypto.sealing"

_UNPADDED = (
    "if size <= limits.PADDED_SIZE_MIN:\n        return",
    "if size:\n        return size\n        return",
)

_COMPRESSED = (
    ("sealing.pad(plaintext)", 'sealing.pad(__import__("zlib").compress(plaintext))'),
    (
        "plaintext = sealing.unpad(padded)",
        'plaintext = __import__("zlib").decompress(sealing.unpad(padded))',
    ),
)
_IN_CLEAR = (
    (
        "return crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated_data, nonce, key)",
        "return plaintext + bytes(16)",
    ),
    (
        "crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, associated_data, nonce, key)",
        "ciphertext[:-16]",
    ),
)

MUTANTS = (
    mutant(
        "P01",
        "what the library leaves out goes unnoticed",
        "billfold.document.engine",
        ("if set(self._document.get_heads()) != heads:", "if False:"),
        at="error unchanged",
    ),
    mutant(
        "P02",
        "a change inflates without a bound",
        "billfold.document.changes",
        (
            "inflater.decompress(deflated, CHANGE_INFLATED_SIZE_MAX + 1)",
            "inflater.decompress(deflated)",
        ),
        ("if len(contents) > CHANGE_INFLATED_SIZE_MAX:", "if False:"),
    ),
    mutant(
        "P03",
        "two entries at one place are nothing to speak of",
        "billfold.inbox",
        ("tell_equivocation(core, fork.first, fork.second)", "id(fork)"),
    ),
    mutant(
        "P03",
        "a cut chooses a branch that nobody can be given",
        "billfold.authoring",
        ("cut[feed] = head", "assert head"),
        at="kept",
    ),
    mutant(
        "P04",
        "any number of entries may wait",
        "billfold_protocol.feed.waiting",
        ("if count >= limits.WAITING_COUNT_MAX or size > limits.WAITING_SIZE_MAX:", "if False:"),
        at="error unchanged",
    ),
    mutant(
        "P05",
        "a counter may run ahead",
        "billfold.document.intake",
        ("if is_complete and change.start_counter != highest + 1:", "if False:"),
    ),
    mutant(
        "P06",
        "a device may push without end",
        "billfold_server.intake",
        ("RateLimiter(config.quotas.entries_per_device_per_hour)", "RateLimiter(10**9)"),
        at="error unchanged",
    ),
    mutant(
        "P07",
        "bytes may be spelled in any way",
        "billfold_protocol.codec",
        ("if again != data:", "if False:"),
    ),
    mutant(
        "P08",
        "nobody is told whose change it was",
        "billfold.inbox",
        (
            "RecordsChanged(fields=fields, device=device,",
            "RecordsChanged(fields=fields, device=None,",
        ),
    ),
    mutant(
        "P08",
        "a value of another type is given to programs",
        "billfold.model.fields",
        ("return value if is_of(value_type, value) else None", "return value"),
        at="unchanged",
    ),
    mutant(
        "P08",
        "a number may have any size",
        "billfold.document.columns",
        ("if not fits or size", "if size"),
    ),
    mutant("P09", "an entry is as long as what it holds", SEALING, _UNPADDED, at="secrets"),
    mutant("M01", "an entry is not padded", SEALING, _UNPADDED, at="secrets"),
    mutant("M02", "an entry is sealed in clear", SEALING, *_IN_CLEAR, at="secrets"),
    mutant(
        "M03",
        "a person has one holder id in all wallets",
        "billfold.founding",
        ("HolderId(random(16))", "HolderId(bytes(16))"),
        at="secrets",
    ),
    mutant(
        "M04",
        "an entry is compressed before it is sealed",
        "billfold_protocol.envelope",
        *_COMPRESSED,
        at="secrets",
    ),
    mutant(
        "M05",
        "a device's secrets show themselves",
        "billfold.device",
        ('return f"DeviceSecrets(device_id={self.device_id.hex()})"', "return repr(self._seeds)"),
        at="secrets",
    ),
)
