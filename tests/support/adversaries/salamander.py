"""One XChaCha20-Poly1305 ciphertext that opens under two keys ("invisible salamander").

Poly1305 is a polynomial in a key-dependent point: two blocks of the ciphertext can be chosen so
that both keys give one tag (Dodis et al. 2018; Albertini et al. 2022).

Spec: 02-threat-model.md
"""

from collections.abc import Sequence
from random import Random

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as decrypt
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as encrypt
from nacl.exceptions import CryptoError

PRIME = 2**130 - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
BLOCK = 16

Opening = tuple[bytes, bytes]
"""A key and the associated data under which the ciphertext shall open."""


def salamander(
    first: Opening, second: Opening, nonce: bytes, ciphertext: bytes, *, at: int = 0
) -> bytes:
    """Return a ciphertext with its tag that opens under both keys with one nonce.

    Args:
        first: key and associated data.
        second: key and associated data.
        nonce: 24 bytes.
        ciphertext: what it shall be, whole blocks of 16 bytes, but for two of them.
        at: which block is the first of the two neighbours that are chosen here.
    """
    random = Random(nonce)
    pads = [_one_time_key(key, nonce) for key, _ in (first, second)]
    contexts = [context for _, context in (first, second)]
    start = at * BLOCK
    before, after = ciphertext[:start], ciphertext[start + 2 * BLOCK :]
    while True:
        tag = random.getrandbits(128)
        blocks = _solve(pads, contexts, (before, after), tag)
        if blocks is not None:
            return before + blocks + after + tag.to_bytes(BLOCK, "little")


def keystream(key: bytes, nonce: bytes, size: int) -> bytes:
    """Return what a plaintext is xored with."""
    return encrypt(bytes(size), b"", nonce, key)[:size]


def opens(sealed: bytes, opening: Opening, nonce: bytes) -> bool:
    """Whether a ciphertext opens."""
    key, context = opening
    try:
        decrypt(sealed, context, nonce, key)
    except CryptoError:
        return False
    return True


def _solve(
    pads: Sequence[tuple[int, int]],
    contexts: Sequence[bytes],
    around: tuple[bytes, bytes],
    tag: int,
) -> bytes | None:
    """Return the two blocks between two parts that give both keys this tag, if there are any."""
    rows = []
    for (point, pad), context in zip(pads, contexts, strict=True):
        size = sum(map(len, around)) + 2 * BLOCK
        lengths = len(context).to_bytes(8, "little") + size.to_bytes(8, "little")
        head, tail = _blocks(context) + _blocks(around[0]), _blocks(around[1] + lengths)
        count = len(head) + 2 + len(tail)
        known = sum(b * pow(point, count - i, PRIME) for i, b in enumerate(head))
        known += sum(b * pow(point, len(tail) - i, PRIME) for i, b in enumerate(tail))
        wanted = ((tag - pad) % 2**128 - known) % PRIME
        power = len(tail)
        rows.append((pow(point, power + 2, PRIME), pow(point, power + 1, PRIME), wanted))
    (a, b, x), (c, d, y) = rows
    inverse = pow(a * d - b * c, -1, PRIME)
    found = [(x * d - b * y) * inverse % PRIME, (a * y - c * x) * inverse % PRIME]
    if not all(2**128 <= value < 2**129 for value in found):
        return None
    return b"".join((value - 2**128).to_bytes(BLOCK, "little") for value in found)


def _blocks(data: bytes) -> list[int]:
    data += bytes(-len(data) % BLOCK)
    return [
        int.from_bytes(data[at : at + BLOCK], "little") + 2**128
        for at in range(0, len(data), BLOCK)
    ]


def _one_time_key(key: bytes, nonce: bytes) -> tuple[int, int]:
    """Return Poly1305's point and pad for a key and nonce (RFC 8439 §2.6, on HChaCha20's key)."""
    words = _rounds(_state(key, nonce[:16]))
    subkey = b"".join(word.to_bytes(4, "little") for word in words[:4] + words[12:])
    start = _state(subkey, bytes(8) + nonce[16:])
    mixed = _rounds(start)
    stream = b"".join(
        ((a + b) % 2**32).to_bytes(4, "little") for a, b in zip(mixed, start, strict=True)
    )
    return int.from_bytes(stream[:16], "little") & CLAMP, int.from_bytes(stream[16:32], "little")


def _state(key: bytes, rest: bytes) -> list[int]:
    data = b"expand 32-byte k" + key + rest
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, 64, 4)]


def _rounds(state: Sequence[int]) -> list[int]:
    """Do ChaCha20's twenty rounds (RFC 8439 §2.3)."""
    words = list(state)
    quarters = [tuple(range(n, 16, 4)) for n in range(4)]
    quarters += [tuple((n + i) % 4 + 4 * i for i in range(4)) for n in range(4)]
    for _ in range(10):
        for a, b, c, d in quarters:
            for target, other, rotated, shift in (
                (a, b, d, 16),
                (c, d, b, 12),
                (a, b, d, 8),
                (c, d, b, 7),
            ):
                words[target] = (words[target] + words[other]) % 2**32
                mixed = words[rotated] ^ words[target]
                words[rotated] = (mixed << shift | mixed >> (32 - shift)) % 2**32
    return words
