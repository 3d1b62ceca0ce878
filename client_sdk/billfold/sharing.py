"""`wallet.sharing`: giving an organisation chosen statements, with a receipt that both sides hold.

    agreement = await wallet.sharing.share("Library", ["diet"], purposes=["dpv:ServiceProvision"])
    await wallet.sharing.withdraw(agreement)

Spec: 26-channels.md
"""

import secrets
from collections.abc import Sequence

from billfold.channels import Channels
from billfold.document import Edit, FieldEdit, RecordView
from billfold.editing import natural_key_text
from billfold.receipts import SHARE, WITHDRAW, Receipt, Shared
from billfold.replica import Replica
from billfold.synchronizer import Synchronizer
from billfold_protocol.errors import InputError, NotFound
from billfold_protocol.mailbox_sealing import PartyKeys

AGREEMENT = "agreement"
PREFERENCE = "preference"


class Sharing:
    """What one open wallet shares."""

    def __init__(self, synchronizer: Synchronizer, channels: Channels) -> None:
        self._synchronizer = synchronizer
        self._channels = channels

    async def share(
        self,
        channel: str,
        subjects: Sequence[str] = (),
        *,
        purposes: Sequence[str],
        presentation: str | None = None,
    ) -> str:
        """Send statements about oneself, or a presentation, and return the agreement's record.

        The organisation's signature on the receipt comes later, into `counter_receipt`.

        Args:
            channel: the id of its record, or the organisation's identifier or name.
            subjects: which preferences, such as `diet`.
            purposes: what for, in names of DPV such as `dpv:ServiceProvision`.
            presentation: a presentation of a credential, made for this organisation.

        Raises:
            NotFound: there is no such channel, or no preference about a subject.
            InputError: nothing is shared, there is no purpose, or it is too much for one message.
            LocalProtocolError, ChannelClosed: the organisation cannot be written to.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        found = self._channels.get(channel)
        if not purposes or not (subjects or presentation):
            raise InputError("sharing needs something to share, and a purpose")
        replica = self._replica
        statements = {subject: self._statement(subject) for subject in subjects}
        names = (*subjects, *(("presentation",) if presentation else ()))
        receipt = Receipt(
            record_id=secrets.token_hex(16),
            event_time=max(0, replica.core.now_ms() // 1000),
            data_subject=self._person(found.record).fingerprint.hex(),
            data_controller=found.organisation,
            purposes=tuple(purposes),
            personal_data=names,
        )
        shared = Shared(receipt=receipt, statements=statements, presentation=presentation)
        key = natural_key_text((receipt.record_id,))
        record = replica.document.natural_record_id(replica.wallet_id, AGREEMENT, key)
        await self._channels.send(
            found.record,
            body=shared.body(),
            message_type=SHARE,
            along=_agreement_edits(record, receipt, found.relationship),
        )
        return record

    async def withdraw(self, agreement: str) -> None:
        """Withdraw an agreement, and tell the organisation if it can be written to.

        Raises:
            NotFound: there is no such agreement.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        view = self._replica.document.record(agreement)
        if view.type != AGREEMENT:
            raise NotFound(f"there is no agreement {agreement}")
        now_s = max(0, self._replica.core.now_ms() // 1000)
        edits: list[Edit] = [
            FieldEdit(agreement, "given", value=False),
            FieldEdit(agreement, "withdrawn_at", now_s),
        ]
        relationship = _value(view, "relationship")
        still_open = [
            one
            for one in self._channels.all()
            if one.relationship == relationship and not one.is_closed and one.sender is not None
        ]
        if not still_open:
            await self._synchronizer.edit(edits)
            return
        body = {"record_id": _value(view, "identifier"), "event_time": now_s}
        await self._channels.send(
            still_open[0].record, body=body, message_type=WITHDRAW, along=edits
        )

    @property
    def _replica(self) -> Replica:
        return self._synchronizer.replica

    def _person(self, channel: str) -> PartyKeys:
        return self._channels.own_keys(channel)

    def _statement(self, subject: str) -> object:
        for view in self._replica.document.records(PREFERENCE):
            if _value(view, "subject") == subject and "scope" not in view.fields:
                value = _value(view, "statement")
                if value is None or isinstance(value, bytes):
                    raise InputError(f"what is said about {subject!r} cannot be shared as text")
                return value
        raise NotFound(f"there is no preference about {subject!r}")


def _agreement_edits(record: str, receipt: Receipt, relationship: str) -> list[Edit]:
    return [
        FieldEdit(record, "type", AGREEMENT),
        FieldEdit(record, "identifier", receipt.record_id),
        FieldEdit(record, "controller", receipt.data_controller),
        FieldEdit(record, "relationship", relationship),
        FieldEdit(record, "given", value=True),
        FieldEdit(record, "given_at", receipt.event_time),
        FieldEdit(record, "receipt", receipt.to_json()),
        *(FieldEdit(record, f"purposes/{name}", value=True) for name in receipt.purposes),
        *(FieldEdit(record, f"personal_data/{name}", value=True) for name in receipt.personal_data),
    ]


def _value(view: RecordView, field: str) -> object:
    state = view.fields.get(field)
    return None if state is None else state.value
