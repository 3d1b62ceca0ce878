"""The bounds of credentials: sizes, counts and times of what others hand to the wallet.

Spec: 42-credentials.md
"""

from typing import Final

CREDENTIAL_SIZE_MAX: Final = 64 * 1024
"""The largest credential that is kept, in bytes: one field of a record holds it."""

HEADER_SIZE_MAX: Final = 16 * 1024
"""The largest token header, in base64url characters; it may hold a chain of certificates."""

CLAIMS_DEPTH_MAX: Final = 32
"""How deep claims may nest, disclosures within disclosures counted."""

DISCLOSURES_MAX: Final = 1_024
"""The most disclosures of one credential."""

DIGESTS_MAX: Final = 4_096
"""The most digests of one credential, decoys counted."""

CERTIFICATES_MAX: Final = 8
"""The most certificates of a chain."""

KEYS_MAX: Final = 64
"""The most keys of an issuer's key set."""

NONCE_LENGTH_MAX: Final = 1_024
"""The longest nonce or audience that is signed or remembered, in characters."""

CLOCK_SKEW_S: Final = 60
"""How far two clocks may differ, in seconds."""

PRESENTATION_AGE_S_MAX: Final = 300
"""How old a presentation may be when a verifier takes it, in seconds."""

STATUS_TOKEN_SIZE_MAX: Final = 8 * 1024 * 1024
"""The largest status list token, in bytes."""

STATUS_LIST_SIZE_MAX: Final = 16 * 1024 * 1024
"""The largest status list, inflated, in bytes: 128 million credentials of one bit each."""

STATUS_TTL_S: Final = 12 * 60 * 60
"""How long a status list is used that does not say itself, in seconds."""

STATUS_TTL_S_MAX: Final = 31 * 24 * 60 * 60
"""The longest time for which a status list is used, in seconds."""

QUERY_SIZE_MAX: Final = 64 * 1024
"""The largest DCQL query, in bytes."""

QUERY_CREDENTIALS_MAX: Final = 32
"""The most credential queries of one query."""

QUERY_CLAIMS_MAX: Final = 128
"""The most claims, and the most sets of claims, of one credential query."""

QUERY_SETS_MAX: Final = 32
"""The most sets of credentials of one query, and the most options of one."""

QUERY_PATH_LENGTH_MAX: Final = 16
"""The most parts of a claim's path."""

QUERY_VALUES_MAX: Final = 256
"""The most values that one claim may be asked to have, and the most types or authorities."""

ANSWERS_MAX: Final = 64
"""The most ways to answer one query that are offered to a person."""

MDOC_DEPTH_MAX: Final = 16
"""How deep an mdoc's data may nest."""

MDOC_ITEMS_MAX: Final = 1_024
"""The most data elements of an mdoc that are shown."""

assert CLAIMS_DEPTH_MAX < DISCLOSURES_MAX <= DIGESTS_MAX
assert HEADER_SIZE_MAX < CREDENTIAL_SIZE_MAX
assert STATUS_TTL_S <= STATUS_TTL_S_MAX
