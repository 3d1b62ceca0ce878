"""What an organisation keeps, in one file that only its owner may read.

The file is written whole to another name and then takes its place, so that it is never half there.

Spec: 26-channels.md
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from billfold_protocol.errors import StoreDamaged, StoreError, StoreMissing, UpdateNeeded
from billfold_protocol.ids import MailboxAddress, ServerKey, SigningPublicKey, WrappingPublicKey
from billfold_protocol.mailbox import Card, address_of

VERSION: Final = 1
SEED_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """A person as one organisation knows them: a channel and nothing else."""

    server: str
    """Where the person's wallet is, as far as is known."""

    server_key: ServerKey
    card: Card
    """The person's keys for this organisation alone."""

    capability: bytes = field(repr=False)
    replies_taken: int = 0
    """The number of the last reply that is kept here."""

    is_closed: bool = False
    """Whether the person has ended the channel."""

    @property
    def address(self) -> MailboxAddress:
        """The person's mailbox."""
        return self.card.address

    @property
    def id(self) -> str:
        """The address in hexadecimal: what the channel is called here."""
        return self.address.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that the server has not confirmed; it is sent again as the same message."""

    correspondent: str
    content: bytes = field(repr=False)
    time_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that an organisation keeps."""

    signing_seed: bytes = field(repr=False)
    wrapping_seed: bytes = field(repr=False)
    correspondents: Mapping[str, Correspondent] = field(default_factory=dict)
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    """By the message's id."""

    replies: tuple[Mapping[str, Any], ...] = ()
    """The replies that were collected, the oldest first."""

    @classmethod
    def new(cls) -> "State":
        """Return the state of an organisation with fresh keys."""
        return cls(
            signing_seed=secrets.token_bytes(SEED_SIZE),
            wrapping_seed=secrets.token_bytes(SEED_SIZE),
        )

    def with_correspondent(self, one: Correspondent) -> "State":
        """Return the state with a correspondent in place of what was known of them."""
        return replace(self, correspondents={**self.correspondents, one.id: one})


def load_state(path: Path) -> State:
    """Read the file of an organisation.

    Raises:
        StoreMissing: there is none.
        StoreDamaged: it cannot be understood.
        UpdateNeeded: a newer version wrote it.
        StoreError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StoreMissing(f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the file {path} cannot be read") from error
    try:
        fields = json.loads(text)
        if fields["version"] > VERSION:
            raise UpdateNeeded(f"a newer version of Billfold wrote {path}; update to use it")
        return State(
            signing_seed=_bytes(fields["signing_seed"]),
            wrapping_seed=_bytes(fields["wrapping_seed"]),
            correspondents={
                one.id: one for one in map(_parse_correspondent, fields["correspondents"])
            },
            waiting={id_: _parse_waiting(one) for id_, one in fields["waiting"].items()},
            replies=tuple(fields["replies"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreDamaged(f"the file {path} is damaged") from error


def save_state(path: Path, state: State) -> None:
    """Write the file of an organisation; it is on the disk when this returns.

    Raises:
        StoreError: it cannot be written.
    """
    fields = {
        "version": VERSION,
        "signing_seed": _text(state.signing_seed),
        "wrapping_seed": _text(state.wrapping_seed),
        "correspondents": [_fields_of(one) for one in state.correspondents.values()],
        "waiting": {
            id_: {
                "correspondent": one.correspondent,
                "content": _text(one.content),
                "time_s": one.time_s,
            }
            for id_, one in state.waiting.items()
        },
        "replies": list(state.replies),
    }
    beside = path.with_name(path.name + ".new")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(fields, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"the file {path} cannot be written") from error


def _fields_of(one: Correspondent) -> dict[str, object]:
    return {
        "server": one.server,
        "server_key": _text(one.server_key),
        "signing": _text(one.card.signing),
        "wrapping": _text(one.card.wrapping),
        "capability": _text(one.capability),
        "replies_taken": one.replies_taken,
        "is_closed": one.is_closed,
    }


def _parse_correspondent(fields: Mapping[str, Any]) -> Correspondent:
    signing = SigningPublicKey(_bytes(fields["signing"]))
    card = Card(signing=signing, wrapping=WrappingPublicKey(_bytes(fields["wrapping"])))
    assert card.address == address_of(signing)
    return Correspondent(
        server=str(fields["server"]),
        server_key=ServerKey(_bytes(fields["server_key"])),
        card=card,
        capability=_bytes(fields["capability"]),
        replies_taken=int(fields["replies_taken"]),
        is_closed=bool(fields["is_closed"]),
    )


def _parse_waiting(fields: Mapping[str, Any]) -> Waiting:
    return Waiting(
        correspondent=str(fields["correspondent"]),
        content=_bytes(fields["content"]),
        time_s=int(fields["time_s"]),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
