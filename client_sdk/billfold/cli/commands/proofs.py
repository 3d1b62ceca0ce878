"""The command `proofs`: what this device has found against its server or a device.

Spec: 15-feeds.md
"""

from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.findings import Finding


async def proofs(session: Session, arguments: Arguments) -> Answer:
    """List what was found, each with its proof if it has one.

    Raises:
        BillfoldError: never; it only reads.
    """
    del arguments
    return Answer(result={"findings": [_describe(one) for one in session.wallet.proofs()]})


def _describe(finding: Finding) -> JsonObject:
    return {
        "kind": finding.kind,
        "message": finding.text,
        "found_s": finding.found_s,
        "is_heard": finding.is_heard,
        "is_proven": finding.proof is not None,
        "proof": None if finding.proof is None else finding.proof.hex(),
    }
