"""How a person names a record: by its id, the start of it, or `type:label`.

Spec: 00-overview.md
"""

import contextlib
from typing import Final

from billfold.document import RecordView
from billfold.model import label_of
from billfold.short_ids import is_start_of
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError, NotFound

_SHOWN_MAX: Final = 5


def find_record(wallet: Wallet, text: str) -> RecordView:
    """Return the one record that a text names, in the trash or not.

    Raises:
        NotFound: there is none.
        InputError: there are several.
    """
    with contextlib.suppress(NotFound):
        return wallet.record(text)
    views = [*wallet.records(), *wallet.records(trashed=True)]
    found = _by_label(views, text) or _by_prefix(views, text)
    if not found:
        raise NotFound(f"there is no record {text!r}; `billfold ls` lists them")
    if len(found) > 1:
        several = ", ".join(view.id for view in found[:_SHOWN_MAX])
        raise InputError(f"several records are called {text!r}; name one by its id: {several}")
    return found[0]


def _by_label(views: list[RecordView], text: str) -> list[RecordView]:
    """Return the records called so; one in the trash only where no other is."""
    record_type, colon, label = text.partition(":")
    if not colon or not label:
        return []
    named = [view for view in views if view.type == record_type]
    exact = [view for view in named if label_of(view) == label]
    found = exact or [view for view in named if label_of(view).casefold() == label.casefold()]
    return [view for view in found if not view.is_trashed] or found


def _by_prefix(views: list[RecordView], text: str) -> list[RecordView]:
    return [view for view in views if is_start_of(text, view.id)]
