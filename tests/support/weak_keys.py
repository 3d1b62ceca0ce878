"""Public keys that nobody may use: of small order, or in a spelling that is not the one.

Spec: 11-cryptography.md
"""

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032 §5.1.
FIELD_PRIME = 2**255 - 19

# The encodings of the eight points of small order, from RFC 7748 §6.1 and RFC 8032 §5.1.3 applied
# to y in {0, 1, -1} and to the two y of order 8.
ORDER_8_Y = (
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
)
SMALL_ORDER = [
    (y | sign << 255).to_bytes(32, "little")
    for y in (0, 1, FIELD_PRIME - 1, *ORDER_8_Y)
    for sign in (0, 1)
]
NOT_CANONICAL = [
    (y | sign << 255).to_bytes(32, "little")
    for y in (FIELD_PRIME, FIELD_PRIME + 1, FIELD_PRIME + 3, 2**255 - 1)
    for sign in (0, 1)
]

# Points of order 1, 2, 4 and 8 on Curve25519, and their non-canonical forms (RFC 7748 §6.1).
ORDER_8 = (
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)
LOW_ORDER = [
    value.to_bytes(32, "little")
    for value in (0, 1, *ORDER_8, FIELD_PRIME - 1, FIELD_PRIME, FIELD_PRIME + 1, 2**255, 2**255 + 1)
]
