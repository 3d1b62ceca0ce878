"""What to call a record.

Spec: 40-wallet-document.md
"""

from typing import Final

from billfold.document import RecordView

LABEL_FIELDS: Final = (
    *("title", "name", "vct", "organisation", "subject", "username"),
    *("interacting_party_name", "organization_name", "description", "full_name", "alias"),
    *("message_type", "terms", "controller", "identifier", "doctype", "agent", "kind"),
)
"""Where a record's label comes from: the first of these that is a text."""


def label_of(view: RecordView) -> str:
    """Return what to call a record; it holds no secret."""
    for name in LABEL_FIELDS:
        state = view.fields.get(name)
        if state is not None and isinstance(state.value, str) and state.value:
            return state.value
    return view.id[:8]
