"""Typed cryptography over libsodium (signatures, ciphers, passwords) and HPKE (key wrapping).

Nothing outside this package imports `nacl` or `cryptography`. No function draws randomness, but for
HPKE's encapsulation, which takes none from outside.

Spec: 11-cryptography.md
"""
