"""Asking a server, before anything is decided, who it is and whether it would take a wallet.

Spec: 25-moving.md
"""

import asyncio
from dataclasses import dataclass

from billfold.refusals import error_of
from billfold.transport import Transport
from billfold.transport.interface import SYNC_PATH
from billfold_protocol.errors import (
    BillfoldError,
    Downgrade,
    RegistrationClosed,
    RemoteProtocolError,
    TransportError,
)
from billfold_protocol.feed import Reason
from billfold_protocol.ids import WalletId
from billfold_protocol.membership import ServerAddress
from billfold_protocol.messages import (
    PROTOCOL_VERSION,
    Challenge,
    Inquire,
    Vacancy,
    encode_client_message,
    parse_server_message,
)

SURVEY_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a server says."""

    server: ServerAddress
    refusal: BillfoldError | None
    """Why it would not take the wallet; None if it would."""


async def survey(
    transport: Transport, address: str, wallet_id: WalletId, *, size: int, token: str | None
) -> Survey:
    """Ask a server who it is, and whether it would take a wallet of so many bytes.

    Raises:
        TransportError: it cannot be reached, or does not answer.
        RemoteProtocolError: what answers is not a Billfold server.
        Downgrade: it speaks another version of the protocol.
    """
    try:
        async with asyncio.timeout(SURVEY_TIMEOUT_S):
            connection = await transport.connect(address, SYNC_PATH)
            try:
                challenge = parse_server_message(await connection.receive())
                if not isinstance(challenge, Challenge):
                    raise RemoteProtocolError("what answers is not a Billfold server")
                if challenge.version != PROTOCOL_VERSION:
                    raise Downgrade("the server speaks another version of the protocol")
                question = Inquire(wallet_id=wallet_id, size=size, token=token)
                await connection.send(encode_client_message(question))
                answer = parse_server_message(await connection.receive())
            finally:
                await connection.close()
    except TimeoutError as error:
        raise TransportError(f"the server at {address} does not answer") from error
    if not isinstance(answer, Vacancy) or answer.wallet_id != wallet_id:
        raise RemoteProtocolError("the server answers something else than what it was asked")
    server = ServerAddress(address=address, key=challenge.server_key)
    return Survey(server=server, refusal=_refusal(answer.reason, token))


def _refusal(reason: Reason | None, token: str | None) -> BillfoldError | None:
    if reason is None:
        return None
    if reason is Reason.REGISTRATION and token is not None:
        return RegistrationClosed("the server does not take this token; ask its operator for one")
    return error_of(reason)
