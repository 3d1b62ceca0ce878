"""Credentials: checking them, showing them, and finding which of them answer a question.

Pure functions over bytes and values: no wallet, store, network or clock.
What a wallet does with its credentials is in `billfold.holdings`.

Spec: 42-credentials.md
"""

from billfold.credentials.dcql import Answers, Option, Query, answer_query, parse_query
from billfold.credentials.held import HeldCredential, read_credential
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.lifecycle import Lifecycle
from billfold.credentials.presentation import (
    OpenRequests,
    Request,
    VerifiedPresentation,
    present,
    verify_presentation,
)
from billfold.credentials.sd_jwt import SdJwt, parse_sd_jwt
from billfold.credentials.status_list import Status, StatusList, verify_status_list
from billfold.credentials.verification import VerifiedCredential, verify_credential

__all__ = [
    "Answers",
    "HeldCredential",
    "IssuerKeys",
    "Lifecycle",
    "OpenRequests",
    "Option",
    "Query",
    "Request",
    "SdJwt",
    "Status",
    "StatusList",
    "VerifiedCredential",
    "VerifiedPresentation",
    "answer_query",
    "parse_query",
    "parse_sd_jwt",
    "present",
    "read_credential",
    "verify_credential",
    "verify_presentation",
    "verify_status_list",
]
