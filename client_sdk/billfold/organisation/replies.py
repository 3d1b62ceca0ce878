"""What people have written to an organisation, as it keeps it.

Spec: 26-channels.md
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from billfold.plaintext import Plaintext
from billfold.receipts import SHARE, WITHDRAW, Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A message of a person, whose signature was verified."""

    correspondent: str
    message: Plaintext
    signed: bytes = field(repr=False, default=b"")
    """The person's signature and what it signed."""

    @property
    def shared(self) -> Shared | None:
        """What the person shares by it, with the receipt; None if it is another message.

        Raises:
            Malformed: it says that it shares something, and does not.
        """
        return Shared.parse(self.message.body) if self.message.type == SHARE else None

    @property
    def withdrawn(self) -> str | None:
        """The id of the receipt that the person withdraws by it, or None."""
        is_withdrawal = self.message.type == WITHDRAW
        return str(self.message.body.get("record_id")) if is_withdrawal else None

    @property
    def answers(self) -> str | None:
        """The id of the message that it answers, or None."""
        return self.message.thid


def fields_of(reply: Reply) -> Mapping[str, Any]:
    """Return a reply as the file has it."""
    message = reply.message
    return {
        "correspondent": reply.correspondent,
        "id": message.id,
        "message": message.encode().decode(),
        "signed": base64.b64encode(reply.signed).decode(),
    }


def reply_of(fields: Mapping[str, Any]) -> Reply:
    """Read a reply from the file."""
    return Reply(
        correspondent=fields["correspondent"],
        message=Plaintext.parse(fields["message"].encode()),
        signed=base64.b64decode(fields["signed"]),
    )
