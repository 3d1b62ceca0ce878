"""Commands on the wallet's devices: devices, link, revoke, rename-device.

Spec: 22-linking.md
"""

import asyncio
from collections import Counter

from billfold.cli.commands.syncing import require_synced
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.household import Device, Revoked
from billfold_protocol.errors import InputError, TransportError
from billfold_protocol.linking import Hello

ONLINE_DEADLINE_S = 30.0


async def devices(session: Session, arguments: Arguments) -> Answer:
    """List the wallet's devices.

    Raises:
        BillfoldError: never; it only reads.
    """
    del arguments
    return Answer(result={"devices": [describe_device(one) for one in session.wallet.devices()]})


async def rename_device(session: Session, arguments: Arguments) -> Answer:
    """Call a device something else.

    Raises:
        NotFound: no device has this name or id.
        InputError: the name is not acceptable.
    """
    name = arguments.text("name")
    await session.wallet.rename_device(arguments.text("device"), name)
    return Answer(result={"device": arguments.text("device"), "name": name})


async def link(session: Session, arguments: Arguments) -> Answer:
    """Link the device that shows a code, or show words to type into it.

    Raises:
        WrongContext: the text is not a linking code.
        PairingFailed: linking did not succeed, or was declined; the code is spent.
        TransportError: the server cannot be reached.
        LocalProtocolError: the wallet has no server.
    """
    await require_synced(session, arguments.seconds("deadline_s", default=ONLINE_DEADLINE_S))
    is_agreed = arguments.flag("yes")

    async def confirm(hello: Hello) -> bool:
        found: JsonObject = {
            "event": "device_found",
            "name": hello.name,
            "kind": hello.kind.value,
            "fingerprint": hello.fingerprint,
        }
        await session.tell(found)
        return is_agreed or await session.ask(found)

    async def show(code: str) -> None:
        await session.tell({"event": "code", "code": code})

    uri = arguments.optional_text("uri")
    if uri is None:
        hello = await session.wallet.link_device_by_words(show=show, confirm=confirm)
    else:
        hello = await session.wallet.link_device(uri, confirm=confirm)
    return Answer(
        result={
            "event": "linked",
            "device": hello.keys.device_id.hex(),
            "name": hello.name,
            "kind": hello.kind.value,
            "fingerprint": hello.fingerprint,
        }
    )


async def revoke(session: Session, arguments: Arguments) -> Answer:
    """Remove a device, and say what it could read.

    Raises:
        NotFound: no device has this name or id.
        AccessError: this device may not remove it.
        TransportError: the server cannot be reached, or did not answer in time.
        LocalProtocolError: the wallet has no server.
    """
    deadline_s = arguments.seconds("deadline_s", default=ONLINE_DEADLINE_S)
    await require_synced(session, deadline_s)
    try:
        async with asyncio.timeout(deadline_s):
            revoked = await session.wallet.revoke(arguments.text("device"))
    except TimeoutError as error:
        raise TransportError(
            "the server did not answer, so the device may still be in the wallet; "
            "try again when you are online"
        ) from error
    return Answer(result=describe_revoked(revoked))


def describe_revoked(revoked: Revoked) -> JsonObject:
    """Return a device that was removed, and what it could read."""
    read: list[JsonObject] = [
        {
            "id": record.id,
            "type": record.type,
            "label": record.label,
            "is_trashed": record.is_trashed,
            "is_credential": record.is_credential,
        }
        for record in revoked.could_read
    ]
    counts = Counter(record.type for record in revoked.could_read)
    return {
        "device": revoked.device.id,
        "name": revoked.device.name,
        "could_read": dict(sorted(counts.items())),
        "records": read,
        "credentials": [record for record in read if record["is_credential"]],
        "is_alone": revoked.is_alone,
    }


async def merge(session: Session, arguments: Arguments) -> Answer:
    """Show how the server's history of devices differs from ours, and merge them if agreed.

    Raises:
        LocalProtocolError: there is one history only.
        NotAuthorised: this device is no owner on both.
        TransportError: the server did not take the merge in time.
    """
    wallet = session.wallet
    deadline_s = arguments.seconds("deadline_s", default=ONLINE_DEADLINE_S)
    await wallet.sync(deadline_s=deadline_s)
    history = wallet.other_history()
    if history is None:
        return Answer(result={"event": "one_history", "devices": len(wallet.devices())})
    names = {device.id: device.name for device in wallet.devices()}
    shown: JsonObject = {
        "event": "other_history",
        "added": [names.get(one.hex(), one.hex()[:8]) for one in history.added],
        "removed": [names.get(one.hex(), one.hex()[:8]) for one in history.removed],
        "contested": [names.get(one.hex(), one.hex()[:8]) for one in history.contested],
    }
    await session.tell(shown)
    text = "Merge them? Who was removed on either side stays removed."
    if not (arguments.flag("yes") or await session.ask({"text": text})):
        raise InputError("nothing was merged")
    await wallet.merge_histories()
    report = await wallet.sync(deadline_s=deadline_s)
    if wallet.other_history() is not None:
        raise report.reason or TransportError("the server did not answer; try again")
    return Answer(result={"event": "merged", "devices": len(wallet.devices())})


def describe_device(device: Device) -> JsonObject:
    """Return a device as JSON."""
    return {
        "id": device.id,
        "name": device.name,
        "role": None if device.role is None else device.role.value,
        "kind": None if device.kind is None else device.kind.value,
        "is_copied": device.is_copied,
        "is_this": device.is_this,
        "is_removed": device.is_removed,
        "linked_by": device.linked_by,
        "last_heard_s": device.last_heard_s,
    }
