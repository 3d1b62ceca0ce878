"""Taking turns at answering a message, so that exactly one device of the person does.

Spec: 41-records.md
"""

from billfold.document import Scalar
from billfold.model import Message
from billfold.model.answer_turns import Turn, answer_id, next_turn
from billfold.wallet import Wallet
from billfold_protocol.errors import LocalProtocolError, NotFound

__all__ = ["Answering", "Turn", "answer_id"]


class Answering:
    """The answers of one device.

    Args:
        wallet: open; claiming works offline, and taking a turn needs the server.
    """

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet

    async def claim(self, message: str, draft: str) -> None:
        """Note that this device has an answer to a message; nothing is sent yet.

        Args:
            message: the record of the message that is answered.
            draft: the record of the answer.

        Raises:
            NotFound: there is no such message.
            AccessError: this device may not write.
            StoreError: it could not be made durable, and is undone.
        """
        self._message(message)
        await self._set(
            message,
            {f"answer_drafts/{self._device}": draft, f"answer_claims/{self._device}": "claimed"},
        )

    async def take_turn(self, message: str, *, deadline_s: float = 30.0) -> Turn:
        """Find out whether this device may send its answer; what follows is noted in the wallet.

        After `SEND` the caller sends the answer under `answer_id`, and then calls `sent`. After
        `WAIT` it asks again later.

        Args:
            message: the record of the message that is answered.
            deadline_s: seconds to wait for the server.

        Raises:
            NotFound: there is no such message.
            LocalProtocolError: this device has not claimed.
            TransportError: the server was not reached in time; nothing is decided.
            AccessError, StoreError: see `claim`.
        """
        wallet = self._wallet
        if self._device not in self._message(message).claims:
            raise LocalProtocolError("this device has no answer to this message; claim first")
        await self._in_step(deadline_s)
        # A new subscription, so that what the server got before our claim is here for certain.
        await wallet.disconnect()
        await self._in_step(deadline_s)
        gone = [device.id for device in wallet.devices() if device.is_removed]
        turn = next_turn(self._message(message).claims, self._device, gone=gone)
        if turn is Turn.SEND:
            await self._set(message, {f"answer_claims/{self._device}": "sending"})
        elif turn is Turn.YIELD:
            await self._set(message, {f"answer_claims/{self._device}": "yielded"})
        return turn

    async def sent(self, message: str) -> None:
        """Note that the answer is on its way; the message is answered on every device.

        Raises:
            NotFound: there is no such message.
            AccessError, StoreError: see `claim`.
        """
        self._message(message)
        await self._set(message, {f"answer_claims/{self._device}": "sent", "state": "answered"})

    @property
    def _device(self) -> str:
        return self._wallet.this_device

    def _message(self, record: str) -> Message:
        view = self._wallet.record(record)
        if view.type != "message":
            raise NotFound(f"there is no message {record}")
        return Message(view)

    async def _set(self, record: str, fields: dict[str, Scalar]) -> None:
        async with self._wallet.edit() as edit:
            for name, value in fields.items():
                edit.set(record, name, value)

    async def _in_step(self, deadline_s: float) -> None:
        report = await self._wallet.sync(deadline_s=deadline_s)
        if not report.is_complete:
            raise report.reason or LocalProtocolError("the server was not reached in time")
