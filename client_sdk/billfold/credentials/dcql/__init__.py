"""Which credentials answer a verifier's question, with the least disclosed first (DCQL).

The query language of OpenID4VP 1.0, section 6: parsed strictly, matched against what the wallet
holds, and answered with typed options that a person can choose among.

Spec: 42-credentials.md
"""

from billfold.credentials.dcql.answers import Answers, Missing, Option, answer_query
from billfold.credentials.dcql.claim_paths import ClaimPath, places_at
from billfold.credentials.dcql.matching import Answer
from billfold.credentials.dcql.query import (
    ClaimQuery,
    CredentialQuery,
    CredentialSet,
    Query,
    parse_query,
)

__all__ = [
    "Answer",
    "Answers",
    "ClaimPath",
    "ClaimQuery",
    "CredentialQuery",
    "CredentialSet",
    "Missing",
    "Option",
    "Query",
    "answer_query",
    "parse_query",
    "places_at",
]
