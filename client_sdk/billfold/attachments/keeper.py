"""Keeps a wallet's attachments on its server: uploads, holds, lets go, and heals.

A pass compares what the records name with what the server has confirmed:

    pending                 ──► upload, hold, then the record's field
    named, not confirmed    ──► hold; if the server lacks the blob and a copy is here, upload first
    confirmed, not named    ──► let go, and drop the copy

One pass runs at a time, while the wallet is online. After a failure it runs again; what is done is
not done twice. Everything is asked for anew when the server is another one, has forgotten
something, or was last asked a week ago.

Spec: 23-blobs.md
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from billfold.attachments.attachment import ATTACHMENTS, Attachment, attachments_in
from billfold.attachments.ledger import Holds, Ledger
from billfold.background import report_failure
from billfold.backoff import Backoff
from billfold.blobs import BlobExchange, BlobLink
from billfold.document import FieldEdit
from billfold.events import (
    AttachmentProgress,
    AttachmentStored,
    ConnectionChanged,
    Event,
    RecordsChanged,
    Warned,
)
from billfold.synchronizer import Synchronizer
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    AccessError,
    BillfoldError,
    BlobMissing,
    LimitExceeded,
    RemoteProtocolError,
    ServerRollback,
    StoreDamaged,
    StoreFull,
    StoreMissing,
    TransportError,
)
from billfold_protocol.ids import BlobId, HolderTag

REFUSED_RETRY_S: Final = 60.0
"""How long what the server refused for want of room rests, and what it lacks is not asked for."""

CHECK_INTERVAL_S: Final = 7 * 86_400

Problems = dict[str, BillfoldError]
Step = Callable[[BlobLink, Attachment], Awaitable[None]]

_RESTING = (LimitExceeded, StoreFull, BlobMissing)
"""What time, or another device, may cure."""


class Keeper:
    """One wallet's work on attachments, in the background."""

    def __init__(
        self,
        synchronizer: Synchronizer,
        exchange: BlobExchange,
        ledger: Ledger,
        *,
        random: RandomBytes,
        now_s: Callable[[], int],
    ) -> None:
        self._synchronizer = synchronizer
        self._exchange = exchange
        self._ledger = ledger
        self._backoff = Backoff(random)
        self._now_s = now_s
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_check_due = False
        self._confirmed: dict[HolderTag, BlobId] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self.problems: Problems = {}
        """By attachment: why the server does not hold it."""

    def start(self) -> None:
        """Begin to work whenever the wallet is online."""
        self._listening = asyncio.create_task(self._listen())
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(report_failure)
        self.wake()

    async def stop(self) -> None:
        """End the work; what is not done is done another time."""
        tasks = [task for task in (self._task, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._listening = None
        if self._timer is not None:
            # The event loop would hold on to this, and so to the wallet's keys.
            self._timer.cancel()
            self._timer = None
        self._tell_waiting()

    def wake(self) -> None:
        """Look soon at what is to be done."""
        self._due.set()

    def check(self) -> None:
        """Ask the server soon for everything anew: it turned out to lack something."""
        self._is_check_due = True
        self.wake()

    def try_again(self) -> None:
        """Ask again soon for what the server refused: it may have room by now."""
        self.problems = {}
        self.wake()

    @property
    def lacking_count(self) -> int:
        """How many attachments the server has still to confirm, but for what nobody here has."""
        confirmed = self._ledger.holds().tags
        waiting = {tag: one for tag, one in self._named().items() if tag not in confirmed}
        lacking = [
            one
            for one in waiting.values()
            if not isinstance(self.problems.get(one.id), BlobMissing)
        ]
        return len(lacking) + len(self._ledger.pending())

    async def changed(self) -> None:
        """Wait until a pass has ended, or an attachment was dealt with."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    async def _listen(self) -> None:
        with self._synchronizer.events() as events:
            async for event in events:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        match event:
            case RecordsChanged(fields=fields):
                if not fields or any(name.startswith(ATTACHMENTS) for _, name in fields):
                    self.wake()
            case ConnectionChanged(is_online=True):
                self.wake()
            case Warned(error=ServerRollback()):
                self.check()
            case _:
                pass

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            delay_s = await self._try_pass()
            self._tell_waiting()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if delay_s is not None:
                self._timer = asyncio.get_running_loop().call_later(delay_s, self.wake)

    async def _try_pass(self) -> float | None:
        """Do what is due; return after how many seconds to try again, None when woken."""
        if not self._synchronizer.is_online or not self._may_write():
            return None
        try:
            await self._pass()
        except (TransportError, RemoteProtocolError):
            return self._backoff.next_delay_s()
        except AccessError as error:
            self._note_all(error)
            return None
        except StoreDamaged as error:
            # Nothing here can be relied on until somebody has looked at it.
            self._synchronizer.tell(Warned(error))
            return None
        except BillfoldError as error:
            self._note_all(error)
            self._synchronizer.tell(Warned(error))
            return REFUSED_RETRY_S
        self._backoff.reset()
        return REFUSED_RETRY_S if self.problems else None

    def _may_write(self) -> bool:
        member = self._synchronizer.replica.core.member
        return member is not None and member.role.can_write

    async def _pass(self) -> None:
        named, holds = self._named(), self._ledger.holds()
        is_old = self._is_check_due or self._now_s() - holds.checked_s >= CHECK_INTERVAL_S
        pending = self._ledger.pending()
        is_idle = not pending and named.keys() == holds.tags.keys()
        if is_idle and not (is_old and named):
            self.problems = {}
            return
        problems: Problems = {}
        async with self._exchange.linked() as link:
            if is_old or holds.instance != link.instance:
                holds = Holds(instance=link.instance, checked_s=self._now_s())
                self._is_check_due = False
            self._confirmed = dict(holds.tags)
            try:
                for attachment in pending.values():
                    await self._attempt(link, attachment, self._bring, problems)
                for tag, attachment in self._named().items():
                    if tag not in self._confirmed:
                        await self._attempt(link, attachment, self._hold, problems)
                named = self._named()
                for tag, blob in tuple(self._confirmed.items()):
                    if tag not in named:
                        await self._let_go(link, tag, blob)
            finally:
                self._ledger.put_holds(replace(holds, tags=self._confirmed))
        self.problems = problems
        await self._synchronizer.committed()

    async def _attempt(
        self, link: BlobLink, attachment: Attachment, step: Step, problems: Problems
    ) -> None:
        """Take one step; what time may cure is noted, and said once."""
        try:
            await step(link, attachment)
        except _RESTING as error:
            problems[attachment.id] = error
            if type(self.problems.get(attachment.id)) is not type(error):
                self.problems[attachment.id] = error
                self._synchronizer.tell(Warned(error))
        self._tell_waiting()

    async def _bring(self, link: BlobLink, attachment: Attachment) -> None:
        """Let the server hold a pending attachment, then name it in its record."""
        blob, tag = attachment.ref.id, self._tag(attachment)
        try:
            await self._upload(link, attachment)
        except StoreMissing as error:
            if attachment.id not in self._ledger.pending():
                return  # It was taken back meanwhile.
            self._ledger.drop_pending(attachment.id)
            raise BlobMissing(
                f"the copy of {attachment.name} was lost before the server had it; attach it again"
            ) from error
        await link.hold(blob, tag)
        self._confirmed[tag] = blob
        has_record = self._synchronizer.replica.document.has_record(attachment.record)
        if attachment.id in self._ledger.pending() and has_record:
            edit = FieldEdit(attachment.record, attachment.field_name, attachment.encode())
            await self._synchronizer.edit([edit])
            self._synchronizer.tell(
                AttachmentStored(record=attachment.record, attachment=attachment.id)
            )
        # It was taken back meanwhile if it is not named now; the same pass lets go of it.
        self._ledger.drop_pending(attachment.id)
        await self._synchronizer.committed()

    async def _hold(self, link: BlobLink, attachment: Attachment) -> None:
        """Have the server confirm what a record names, and bring it back if it was lost there."""
        blob, tag = attachment.ref.id, self._tag(attachment)
        try:
            await link.hold(blob, tag)
        except BlobMissing:
            if not await self._exchange.is_whole(blob):
                raise
            await self._upload(link, attachment)
            await link.hold(blob, tag)
        self._confirmed[tag] = blob

    async def _let_go(self, link: BlobLink, tag: HolderTag, blob: BlobId) -> None:
        await link.hold(blob, tag, is_held=False)
        del self._confirmed[tag]
        await self.forget_copy(blob)

    async def forget_copy(self, blob: BlobId) -> None:
        """Drop the copy of a blob on this device, unless a record names it or it is pending.

        Raises:
            StoreError: it cannot be removed.
        """
        wanted = [*self._named().values(), *self._ledger.pending().values()]
        if all(one.ref.id != blob for one in wanted):
            await asyncio.to_thread(self._exchange.cache.remove, blob)

    async def _upload(self, link: BlobLink, attachment: Attachment) -> None:
        def tell(done: int, total: int) -> None:
            self._backoff.reset()
            self._synchronizer.tell(
                AttachmentProgress(
                    record=attachment.record, attachment=attachment.id, done=done, total=total
                )
            )

        await self._exchange.upload(link, attachment.ref.id, tell)

    def _named(self) -> dict[HolderTag, Attachment]:
        """Return what records name, the trash included."""
        document = self._synchronizer.replica.document
        return {self._tag(one): one for one in attachments_in(document)}

    def _tag(self, attachment: Attachment) -> HolderTag:
        return attachment.tag(self._synchronizer.replica.wallet_id)

    def _note_all(self, error: BillfoldError) -> None:
        self.problems = dict.fromkeys(self._ledger.pending(), error)

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
