"""Putting what an importer read into a wallet.

Importing the same file again changes nothing. A newer file updates what it had brought before, but
never brings back a value that was replaced, removed or thrown away in the wallet since. Records go
in by the hundred: what is there after an interruption stays, and running it again adds the rest.

Spec: 40-wallet-document.md
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from billfold.document import Edit
from billfold.import_plan import Kept, Past, Plan, plan_record
from billfold.importers import ImportedRecord, ImportReport, Refused, Unmapped
from billfold.wallet import Wallet
from billfold_protocol.errors import LimitExceeded

BATCH_RECORDS_MAX: Final = 200
"""Records that become durable together."""

BATCH_SIZE_MAX: Final = 100 * 1024
"""Bytes of values that become one change, unless a single record has more."""

PROGRESS_STEP: Final = 20
"""Records between two calls of the progress function."""

Progress = Callable[[int, int], None]
"""Takes how many records are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did."""

    format: str
    added: tuple[str, ...]
    """Ids of the records that are new."""

    updated: tuple[str, ...]
    """Ids of the records that the file changed."""

    unchanged: tuple[str, ...]
    """Ids of the records that were in the wallet as the file has them."""

    kept: tuple[Kept, ...]
    """Where the wallet's state stays although the file has another."""

    unmapped: tuple[Unmapped, ...]
    """What was kept without being understood."""

    refused: tuple[Refused, ...]
    """What was left out."""


@dataclass(slots=True, kw_only=True)
class _Outcome:
    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


async def import_report(
    wallet: Wallet, report: ImportReport, progress: Progress | None = None
) -> ImportResult:
    """Add a report's records to a wallet, durably.

    Args:
        wallet: an open wallet.
        report: what `read_import` returned.
        progress: is called now and then, and at the end.

    Raises:
        AccessError: this device may not change the wallet.
        StoreError: a batch could not be made durable; those before it are kept.
    """
    outcome = _Outcome(refused=list(report.refused))
    batch: list[Plan] = []
    total = len(report.records)
    past = Past(wallet)
    for done, record in enumerate(report.records):
        plan = plan_record(past, record)
        if any(plan.record == other.record for other in batch):
            # The earlier one of the same id has to be there before this one is compared with it.
            await _commit(wallet, batch, outcome)
            batch = []
            plan = plan_record(past, record)
        batch.append(plan)
        if _is_full(batch):
            await _commit(wallet, batch, outcome)
            batch = []
        if done % PROGRESS_STEP == 0:
            # Comparing takes time too, in which others have their turn.
            await asyncio.sleep(0)
            if progress is not None:
                progress(done, total)
    await _commit(wallet, batch, outcome)
    if progress is not None:
        progress(total, total)
    return ImportResult(
        format=report.format,
        added=tuple(outcome.added),
        updated=tuple(outcome.updated),
        unchanged=tuple(outcome.unchanged),
        kept=tuple(outcome.kept),
        unmapped=report.unmapped,
        refused=tuple(outcome.refused),
    )


def _is_full(batch: list[Plan]) -> bool:
    return len(batch) >= BATCH_RECORDS_MAX or sum(plan.size for plan in batch) >= BATCH_SIZE_MAX


async def _commit(wallet: Wallet, batch: list[Plan], outcome: _Outcome) -> None:
    """Make the plans durable as one change, or as several where one would be too large."""
    edits = [edit for plan in batch for edit in plan.edits]
    try:
        await _write(wallet, edits)
    except LimitExceeded:
        if len(batch) == 1:
            await _commit_in_pieces(wallet, batch[0], outcome)
        else:
            middle = len(batch) // 2
            await _commit(wallet, batch[:middle], outcome)
            await _commit(wallet, batch[middle:], outcome)
            return
    for plan in batch:
        outcome.kept.extend(plan.kept)
        outcome.refused.extend(plan.refused)
        if plan.is_new and plan.edits:
            outcome.added.append(plan.record)
        elif plan.edits:
            outcome.updated.append(plan.record)
        elif not plan.is_refused:
            outcome.unchanged.append(plan.record)


async def _commit_in_pieces(wallet: Wallet, plan: Plan, outcome: _Outcome) -> None:
    """Make a record durable that is too large for one change, field after field."""
    for edit in plan.edits:
        try:
            await _write(wallet, [edit])
        except LimitExceeded as error:
            outcome.refused.append(Refused(where=plan.label, why=str(error)))


async def _write(wallet: Wallet, edits: list[Edit]) -> None:
    if edits:
        async with wallet.edit() as edit:
            edit.apply(edits)


__all__ = ["ImportResult", "ImportedRecord", "Kept", "Progress", "import_report"]
