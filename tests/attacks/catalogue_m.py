"""Mutants of the rows about metadata that concern channels.

Spec: 02-threat-model.md
"""

from tests.attacks.mutant import mutant

MESSAGES = "billfold_protocol.mailbox_sealing"

_SEALED = "wrapping.wrap(sealing.pad(signed), to, wrap, address)"
_OPENED = "sealing.unpad(self._unwrapping_key.unwrap(sealed, wrap, address))"

MUTANTS = (
    mutant(
        "M01",
        "a message is not padded",
        MESSAGES,
        (_SEALED, "wrapping.wrap(signed, to, wrap, address)"),
        (_OPENED, "self._unwrapping_key.unwrap(sealed, wrap, address)"),
        at="secrets",
    ),
    mutant(
        "M02",
        "a message is left in clear",
        MESSAGES,
        (_SEALED, "sealing.pad(signed)"),
        (_OPENED, "sealing.unpad(sealed)"),
        at="secrets",
    ),
    mutant(
        "M03",
        "a person shows all organisations one key",
        MESSAGES,
        (
            "derive_key(seed, Domain.CHANNEL_WRAPPING_SEED)",
            "derive_key(bytes(32), Domain.CHANNEL_WRAPPING_SEED)",
        ),
        at="secrets",
    ),
    mutant(
        "M04",
        "a message is compressed before it is sealed",
        MESSAGES,
        ("sealing.pad(signed)", 'sealing.pad(__import__("zlib").compress(signed))'),
        (_OPENED, f'__import__("zlib").decompress({_OPENED})'),
        at="secrets",
    ),
    mutant(
        "M05",
        "an invitation shows its capability",
        "billfold_protocol.invitation",
        ("capability: bytes = field(repr=False)", "capability: bytes = field()"),
        at="secrets",
    ),
)
