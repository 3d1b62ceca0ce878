import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from billfold_protocol.crypto import derivation, enrolment, hashing, sealing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.wrapping import UnwrappingKey, wrap
from billfold_protocol.ids import WrappingPublicKey
from tests.vectors.vector_files import Vector, binary, each, expecting, load


def domain_of(vector: Vector) -> Domain:
    return Domain(vector["label"].encode())


def unhex(vector: Vector, *fields: str) -> list[bytes]:
    return binary([vector[field] for field in fields])


@each("hashing")
def test_labels_and_parts_are_framed_and_hashed(vector: Vector) -> None:
    domain, parts = domain_of(vector), binary(vector["parts"])
    framed = hashing.frame(domain, *parts)
    assert framed.hex() == vector["framed"]
    assert hashing.digest(domain, *parts).hex() == vector["digest"]
    assert hashlib.sha256(framed).hexdigest() == vector["digest"]


@each("derivation")
def test_keys_are_derived(vector: Vector) -> None:
    (secret,) = unhex(vector, "secret")
    key = derivation.derive_key(secret, domain_of(vector), *binary(vector["context"]))
    assert key.hex() == vector["key"]


@each("signing", "seed")
def test_a_seed_makes_these_signatures_and_no_others(vector: Vector) -> None:
    key = signing.SigningKey(bytes.fromhex(vector["seed"]))
    assert key.public_key.hex() == vector["public_key"]
    assert key.sign(domain_of(vector), *binary(vector["parts"])).hex() == vector["signature"]


@each("signing", "signature")
def test_a_signature_verifies_or_is_refused(vector: Vector) -> None:
    public_key, signature = unhex(vector, "public_key", "signature")
    with expecting(vector):
        signing.check_signature(public_key, signature, domain_of(vector), *binary(vector["parts"]))


@each("signing", "enrol")
def test_weak_signing_keys_are_not_enrolled(vector: Vector) -> None:
    with expecting(vector):
        enrolment.check_signing_key(bytes.fromhex(vector["enrol"]))


@each("signing", "signed_bytes")
def test_signed_bytes_hold_a_signature_and_a_body(vector: Vector) -> None:
    with expecting(vector):
        signature, body = signing.split(bytes.fromhex(vector["signed_bytes"]))
        assert len(signature) == 64
        assert body


@each("sealing", "nonce_key")
def test_nonces_are_hedged(vector: Vector) -> None:
    nonce_key, random, message = unhex(vector, "nonce_key", "random", "message")
    assert sealing.hedged_nonce(nonce_key, random, message).hex() == vector["nonce"]


def test_each_message_and_each_device_has_its_own_nonce() -> None:
    nonces = [vector["nonce"] for vector in load("sealing")["vectors"] if "nonce_key" in vector]
    assert len(set(nonces)) == len(nonces)


@each("sealing", "sealed", expect="ok")
def test_plaintexts_seal_to_these_bytes(vector: Vector) -> None:
    key, nonce, plaintext, data = unhex(vector, "key", "nonce", "plaintext", "associated_data")
    assert sealing.seal(key, nonce, plaintext, data).hex() == vector["sealed"]


@each("sealing", "sealed")
def test_sealed_bytes_open_or_are_refused(vector: Vector) -> None:
    key, nonce, sealed, data = unhex(vector, "key", "nonce", "sealed", "associated_data")
    with expecting(vector):
        assert sealing.unseal(key, nonce, sealed, data).hex() == vector["plaintext"]


@each("sealing", "size")
def test_sizes_are_padded_by_padme(vector: Vector) -> None:
    assert sealing.padded_size(vector["size"]) == vector["padded_size"]


@each("sealing", "padded")
def test_padding_comes_off_or_is_refused(vector: Vector) -> None:
    padded = bytes.fromhex(vector["padded"])
    with expecting(vector):
        plaintext = sealing.unpad(padded)
        assert plaintext.hex() == vector["plaintext"]
        assert sealing.pad(plaintext) == padded


@each("wrapping", "public_key")
def test_a_seed_makes_this_wrapping_key(vector: Vector) -> None:
    public_key = UnwrappingKey(bytes.fromhex(vector["seed"])).public_key
    assert public_key.hex() == vector["public_key"]
    assert enrolment.check_wrapping_key(public_key) == public_key


@each("wrapping", "enrol")
def test_weak_wrapping_keys_are_not_enrolled(vector: Vector) -> None:
    with expecting(vector):
        enrolment.check_wrapping_key(bytes.fromhex(vector["enrol"]))


@each("wrapping", "wrapped")
def test_a_wrap_opens_or_is_refused(vector: Vector) -> None:
    seed, wrapped = unhex(vector, "seed", "wrapped")
    with expecting(vector):
        opened = UnwrappingKey(seed).unwrap(wrapped, domain_of(vector), *binary(vector["context"]))
        assert opened.hex() == vector["secret"]


@each("wrapping", "wrapped", expect="ok")
def test_a_new_wrap_has_the_size_of_the_kept_one_and_other_bytes(vector: Vector) -> None:
    seed, kept, secret = unhex(vector, "seed", "wrapped", "secret")
    key = WrappingPublicKey(UnwrappingKey(seed).public_key)
    made = wrap(secret, key, domain_of(vector), *binary(vector["context"]))
    assert len(made) == len(kept) == 1120 + len(secret) + 16
    assert made != kept


@each("wrapping", "wrapped", expect="ok")
def test_what_the_spec_says_of_wraps_is_enough_to_open_them(vector: Vector) -> None:
    seed, wrapped = unhex(vector, "seed", "wrapped")
    info = hashing.frame(domain_of(vector), *binary(vector["context"]))
    assert _unwrap_by_the_spec(seed, wrapped, info).hex() == vector["secret"]


def _unwrap_by_the_spec(seed: bytes, wrapped: bytes, info: bytes) -> bytes:
    """Open a wrap step by step, as 11-cryptography.md tells it."""
    expanded = hashlib.shake_256(seed).digest(96)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    from_ml_kem = ml_kem.decapsulate(wrapped[:1088])
    ephemeral = wrapped[1088:1120]
    from_x25519 = x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    own = x25519.public_key().public_bytes_raw()
    label = bytes.fromhex("5c2e2f2f5e5c")
    shared = hashlib.sha3_256(from_ml_kem + from_x25519 + ephemeral + own + label).digest()
    suite = b"HPKE" + bytes.fromhex("647a00010003")

    def extract(name: bytes, salt: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + name + secret, "sha256")

    def expand(secret: bytes, name: bytes, context: bytes, size: int) -> bytes:
        labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + name + context
        return hmac.digest(secret, labelled + b"\x01", "sha256")[:size]

    context = b"\0" + extract(b"psk_id_hash", b"", b"") + extract(b"info_hash", b"", info)
    secret = extract(b"secret", shared, b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, wrapped[1120:], None)
