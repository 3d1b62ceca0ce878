"""The command that gives a device new keys: asked for here, confirmed there or by the words.

Spec: 13-membership.md
"""

import asyncio

from billfold.cli.commands.devices import ONLINE_DEADLINE_S, describe_revoked
from billfold.cli.commands.syncing import require_synced
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.household import Revoked
from billfold_protocol.errors import TransportError


async def replace(session: Session, arguments: Arguments) -> Answer:
    """Ask for new keys for this device, or confirm another's; words come as the attachment.

    Raises:
        NotFound: no device has this name or id, or asks for keys with this code.
        AccessError: this device may not.
        RecoveryRefused: the words are not this wallet's.
        TransportError: the server cannot be reached, or did not answer in time.
        LocalProtocolError: the wallet has no server.
    """
    wallet = session.wallet
    deadline_s = arguments.seconds("deadline_s", default=ONLINE_DEADLINE_S)
    await require_synced(session, deadline_s)
    device, code = arguments.optional_text("device"), arguments.optional_text("code")
    if device is None and not session.attachment:
        shown = await wallet.begin_replacement()
        await require_synced(session, deadline_s)
        names = {one.id: one.name for one in wallet.devices()}
        asked: JsonObject = {
            "event": "replacement_asked",
            "name": names[wallet.status().device],
            "code": shown,
            "has_others": sum(not one.is_removed for one in wallet.devices()) > 1,
        }
        return Answer(result=asked)
    try:
        async with asyncio.timeout(deadline_s):
            revoked: Revoked
            if device is None:
                revoked = await wallet.replace_this_device(session.attachment.decode())
            else:
                revoked = await wallet.replace_device(device, code=code or "")
    except TimeoutError as error:
        raise TransportError(
            "the server did not answer, so the device may still have its old keys; "
            "try again when you are online"
        ) from error
    if device is None:
        await wallet.sync(deadline_s=deadline_s)
    return Answer(result={"event": "replaced", **describe_revoked(revoked)})
