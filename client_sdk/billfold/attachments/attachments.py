"""The attachments of one wallet: what applications use, as `wallet.attachments`.

Adding works offline: the content is sealed into the wallet's folder at once and goes to the server
when it can. Other devices see an attachment when the server holds it, never before.

Spec: 40-wallet-document.md
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from billfold.attachments.attachment import (
    DEFAULT_MEDIA_TYPE,
    Attachment,
    attachments_in,
    check_file_name,
    check_media_type,
    shown_attachments,
)
from billfold.attachments.downloads import Downloads, write_file
from billfold.attachments.keeper import Keeper
from billfold.attachments.ledger import Ledger
from billfold.blobs import BlobAccess, BlobCache, BlobExchange, BlobLink, Progress, content_of
from billfold.blobs.content import Source
from billfold.document import FieldEdit, RemoveField, random_record_id
from billfold.replica import Replica
from billfold.short_ids import is_start_of
from billfold.synchronizer import Synchronizer
from billfold.transport import Transport
from billfold_protocol import limits
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    BillfoldError,
    InputError,
    LimitExceeded,
    LocalProtocolError,
    NotAuthorised,
    NotFound,
    StoreError,
    TransportError,
)

FOLDER_NAME: Final = "blobs"
PENDING_COUNT_MAX: Final = 1024


class Attachments:
    """Files that belong to a wallet's records."""

    def __init__(
        self,
        synchronizer: Synchronizer,
        transport: Transport,
        folder: Path,
        *,
        random: RandomBytes,
    ) -> None:
        """Begin.

        Args:
            synchronizer: the open wallet's.
            transport: the way to its server.
            folder: the wallet's folder.
            random: the source of random bytes.
        """
        self._synchronizer = synchronizer
        self._transport = transport
        self._random = random
        self._cache = BlobCache(folder / FOLDER_NAME)
        self._exchange = BlobExchange(
            self._cache,
            self._dial,
            wallet_id=self._replica.wallet_id,
            random=random,
            nonce=self._nonce,
        )
        self._ledger = Ledger(lambda: self._replica)
        self._keeper = Keeper(
            synchronizer,
            self._exchange,
            self._ledger,
            random=random,
            now_s=lambda: int(time.time()),
        )
        self._downloads = Downloads(
            self._exchange,
            random=random,
            may_dial=lambda: synchronizer.is_connecting,
            on_missing=self._keeper.check,
        )
        self._is_stopped = False

    def start(self) -> None:
        """Begin to upload and hold whenever the wallet is online."""
        with contextlib.suppress(StoreError):
            # What a crash left is only in the way; what cannot be removed does no harm.
            self._cache.remove_drafts()
        self._keeper.start()

    async def stop(self) -> None:
        """End the work; what is not done goes on when the wallet is opened again."""
        self._is_stopped = True
        await self._keeper.stop()

    async def add(
        self,
        record: str,
        source: Source,
        *,
        name: str | None = None,
        media_type: str = DEFAULT_MEDIA_TYPE,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> Attachment:
        """Attach a file to a record; safe on this device on return, and uploaded in the background.

        Args:
            record: the record's id.
            source: a path, bytes, an open binary file, or an async iterator of bytes.
            name: what to call it; a path's own name if None.
            media_type: such as `application/pdf`.
            size: bytes of an async iterator, which cannot tell.
            progress: is told how much is sealed.

        Raises:
            NotFound: there is no such record.
            InputError: the source cannot be read, or the name or media type is not acceptable.
            LimitExceeded: it has more than 100 MiB, or too many wait for the server.
            NotAuthorised: this device may not change the wallet.
            StoreFull: the disk has no room.
            StoreError: it could not be kept.
        """
        self._require_writer()
        self._require_record(record)
        if name is None:
            if not isinstance(source, str | Path):
                raise InputError("an attachment needs a name")
            name = Path(source).name
        check_file_name(name)
        check_media_type(media_type)
        if len(self._ledger.pending()) >= PENDING_COUNT_MAX:
            raise LimitExceeded("too many attachments wait for the server; let it take them first")
        content = content_of(source, size=size, size_max=limits.ATTACHMENT_SIZE_MAX)
        ref = await self._exchange.seal(content, progress)
        attachment = Attachment(
            record=record,
            id=random_record_id(self._random(16)),
            name=name,
            media_type=media_type,
            time_ms=max(0, self._replica.core.now_ms()),
            ref=ref,
            is_pending=True,
        )
        self._ledger.put_pending(attachment)
        await self._synchronizer.committed()
        self._keeper.wake()
        return attachment

    def list(self, record: str) -> list[Attachment]:
        """Return a record's attachments in order of name, pending ones included.

        Raises:
            NotFound: there is no such record.
        """
        self._require_record(record)
        stored = {one.id: one for one in shown_attachments(self._replica.document, record)}
        waiting = {key: one for key, one in self._ledger.pending().items() if one.record == record}
        found = {**waiting, **stored}
        return sorted(found.values(), key=lambda one: (one.name.casefold(), one.id))

    def find(self, record: str, text: str) -> Attachment:
        """Return the one attachment of a record that a name, an id or the start of one names.

        Raises:
            NotFound: there is none, or no such record.
            InputError: there are several.
        """
        attachments = self.list(record)
        found = (
            [one for one in attachments if one.id == text]
            or [one for one in attachments if one.name == text]
            or [one for one in attachments if is_start_of(text, one.id)]
        )
        if not found:
            names = ", ".join(one.name for one in attachments) or "none"
            raise NotFound(f"this record has no attachment {text!r}; it has {names}")
        if len(found) > 1:
            several = ", ".join(one.id for one in found)
            raise InputError(f"several attachments are called {text!r}; name one by id: {several}")
        return found[0]

    def open(
        self,
        attachment: Attachment,
        *,
        start: int = 0,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Return the content in pieces of at most 256 KiB, fetching what is not on this device.

        A connection that fails is made again; what came is kept.

        Args:
            attachment: from `list`, `find` or `add`.
            start: the first byte.
            size: how many bytes; to the end if None.
            progress: is told how much of the whole is on this device.

        Raises:
            BlobMissing: neither this device nor the server holds it.
            TransportError: the server cannot be reached.
            InputError: the range is not within the content.
            StoreError: what came cannot be kept.
            AccessError, RemoteProtocolError, VerificationError: the server refuses, or lies.
        """
        return self._downloads.pieces(attachment.ref, start=start, size=size, progress=progress)

    async def save_to(
        self, attachment: Attachment, path: str | Path, *, progress: Progress | None = None
    ) -> None:
        """Write the content to a file; what was there before is replaced, at the end or not at all.

        Raises:
            InputError: the file cannot be written.
            BillfoldError: see `open`.
        """
        pieces = self._downloads.pieces(attachment.ref, progress=progress)
        await write_file(pieces, Path(path), token=self._random(4))

    async def fetch(self, attachment: Attachment, *, progress: Progress | None = None) -> None:
        """Have the whole content on this device, sealed, for times without a server.

        Raises:
            BillfoldError: see `open`.
        """
        async for _ in self.open(attachment, progress=progress):
            pass

    async def fetch_all(self, *, progress: Progress | None = None) -> None:
        """Have every attachment of the wallet on this device, as before moving to another server.

        Args:
            progress: is told how many attachments are here, of how many.

        Raises:
            BillfoldError: see `open`.
        """
        found = self.named()
        for done, attachment in enumerate(found, 1):
            await self.fetch(attachment)
            if progress is not None:
                progress(done, len(found))

    def named(self) -> Sequence[Attachment]:
        """Return every attachment that a record names, the trash included."""
        found = {one.ref.id: one for one in attachments_in(self._replica.document)}
        return [*found.values()]

    async def is_here(self, attachment: Attachment) -> bool:
        """Whether the whole content is on this device."""
        return await self._exchange.is_whole(attachment.ref.id)

    @property
    def lacking_count(self) -> int:
        """How many attachments the server has still to confirm, which could be brought to it."""
        return self._keeper.lacking_count

    def try_again(self) -> None:
        """Bring again soon what the server did not take."""
        self._keeper.try_again()

    async def remove(self, attachment: Attachment) -> None:
        """Take an attachment off its record; one that another device edits meanwhile stays.

        Raises:
            AccessError, StoreError: the edit is not possible.
        """
        self._require_writer()
        self._ledger.drop_pending(attachment.id)
        field = self._replica.document.field(attachment.record, attachment.field_name)
        if field is not None:
            await self._synchronizer.edit([RemoveField(attachment.record, attachment.field_name)])
        await self._synchronizer.committed()
        if field is None:
            await self._keeper.forget_copy(attachment.ref.id)
        self._keeper.wake()

    async def rename(self, attachment: Attachment, name: str) -> None:
        """Call an attachment that the server holds something else.

        Raises:
            InputError: the name is not acceptable, or the server does not hold it yet.
            AccessError, StoreError: the edit is not possible.
        """
        check_file_name(name)
        if attachment.is_pending:
            raise InputError("the attachment waits for the server; rename it when it is there")
        renamed = Attachment(
            record=attachment.record,
            id=attachment.id,
            name=name,
            media_type=attachment.media_type,
            time_ms=attachment.time_ms,
            ref=attachment.ref,
        )
        edit = FieldEdit(attachment.record, attachment.field_name, renamed.encode())
        await self._synchronizer.edit([edit])

    @property
    def pending_count(self) -> int:
        """How many attachments the server does not hold yet."""
        return len(self._ledger.pending())

    def problem_of(self, attachment: Attachment) -> BillfoldError | None:
        """Return why the server does not take an attachment, if it was asked."""
        return self._keeper.problems.get(attachment.id)

    async def wait_uploaded(self) -> None:
        """Wait until the server holds every attachment of this device.

        Raises:
            LimitExceeded: the server has no room for one.
            AccessError, StoreError: it refuses one, and why.
            LocalProtocolError: the wallet was closed.
        """
        while pending := self._ledger.pending():
            for id_ in pending:
                if id_ in self._keeper.problems:
                    raise self._keeper.problems[id_]
            if self._is_stopped:
                raise LocalProtocolError("the wallet is closed")
            await self._keeper.changed()

    async def sync(self, deadline_s: float) -> BillfoldError | None:
        """Wait until the server holds everything, or for so long; return what prevents it."""
        self._keeper.try_again()
        try:
            async with asyncio.timeout(deadline_s):
                await self.wait_uploaded()
        except TimeoutError:
            return self._synchronizer.last_error
        except BillfoldError as refusal:
            return refusal
        return None

    @property
    def _replica(self) -> Replica:
        return self._synchronizer.replica

    def _require_record(self, record: str) -> None:
        if not self._replica.document.has_record(record):
            raise NotFound(f"there is no record {record}")

    def _require_writer(self) -> None:
        member = self._replica.core.member
        if member is None or not member.role.can_write:
            raise NotAuthorised("this device may not change the wallet")

    def _nonce(self, message: bytes) -> bytes:
        return self._replica.core.secrets.sealer.nonce(self._random, message)

    async def _dial(self) -> BlobLink:
        replica = self._replica
        home = replica.state.home
        if home is None:
            raise TransportError("the file is not on this device, and the wallet has no server")
        if not self._synchronizer.is_connecting:
            raise TransportError("the file is not on this device, and the wallet is offline")
        access = BlobAccess(
            wallet_id=replica.wallet_id,
            device=replica.core.device_id,
            signing_key=replica.core.secrets.signing_key,
            address=home.server.address,
            server_key=home.server.key,
        )
        return await BlobLink.open(self._transport, access, random=self._random)
