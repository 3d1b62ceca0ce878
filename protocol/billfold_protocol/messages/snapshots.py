"""The messages about snapshots, from either side.

Spec: 16-snapshots.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed
from billfold_protocol.ids import SnapshotId, WalletId
from billfold_protocol.snapshot import Judgement

VERDICT_SIZE_MAX = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A client's wish to begin with a snapshot instead of every entry."""

    declined: tuple[SnapshotId, ...] = ()
    """Snapshots that it does not want again, in ascending order."""

    begun: tuple[SnapshotId, int] | None = None
    """The one of which it holds that many bytes."""

    def encode(self) -> list[object]:
        """Return the wish as it stands in messages."""
        return [list(self.declined), None if self.begun is None else list(self.begun)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSnapshot:
    """Bring a snapshot; its bytes follow when the server asks for them."""

    wallet_id: WalletId
    statement: bytes
    """Signed, with its 64-byte signature first."""

    verdicts: tuple[bytes, ...] = ()
    """Endorsements of it that this device holds, for a server that has lost them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPart:
    """Bring the next bytes of an offered snapshot."""

    wallet_id: WalletId
    snapshot: SnapshotId
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Bring this device's verdict on another's snapshot."""

    wallet_id: WalletId
    judgement: Judgement
    verdict: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WantSnapshot:
    """Ask for the bytes of one snapshot, or with None for the newest that is not declined."""

    wallet_id: WalletId
    snapshot: SnapshotId | None
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHeld:
    """The server holds a snapshot, and these endorsements of it."""

    wallet_id: WalletId
    statement: bytes
    endorsements: tuple[bytes, ...]
    is_resting: bool
    """Whether entries that it covers are held no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotBytes:
    """The next bytes of a snapshot that was asked for."""

    wallet_id: WalletId
    snapshot: SnapshotId
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWanted:
    """Bring an offered snapshot from here on; at its full size it is durable."""

    wallet_id: WalletId
    snapshot: SnapshotId
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Another device's verdict on a snapshot."""

    wallet_id: WalletId
    judgement: Judgement
    verdict: bytes


FromClient = OfferSnapshot | SnapshotPart | Judge | WantSnapshot
FromServer = SnapshotHeld | SnapshotBytes | SnapshotWanted | Judged


def client_fields(message: FromClient) -> list[object]:
    """Return a client's message, its type first."""
    match message:
        case OfferSnapshot():
            return [46, message.wallet_id, message.statement, list(message.verdicts)]
        case SnapshotPart():
            return [47, message.wallet_id, message.snapshot, message.offset, message.data]
        case Judge():
            return [48, message.wallet_id, message.judgement.value, message.verdict]
        case WantSnapshot():
            return [49, message.wallet_id, message.snapshot, message.wish.encode()]


def server_fields(message: FromServer) -> list[object]:
    """Return a server's message, its type first."""
    match message:
        case SnapshotHeld():
            endorsements = list(message.endorsements)
            return [18, message.wallet_id, message.statement, endorsements, message.is_resting]
        case SnapshotBytes():
            return [19, message.wallet_id, message.snapshot, message.offset, message.data]
        case SnapshotWanted():
            return [20, message.wallet_id, message.snapshot, message.offset]
        case Judged():
            return [21, message.wallet_id, message.judgement.value, message.verdict]


def parse_from_client(kind: int, wallet_id: WalletId, rest: list[object]) -> FromClient:
    """Parse what follows the type and the wallet in a client's message.

    Raises:
        Malformed: it is no message about snapshots.
    """
    match kind, rest:
        case 46, [statement, verdicts]:
            return OfferSnapshot(
                wallet_id=wallet_id,
                statement=_parse_statement(statement),
                verdicts=_parse_verdicts(verdicts),
            )
        case 47, [snapshot, offset, data]:
            return SnapshotPart(
                wallet_id=wallet_id,
                snapshot=parse_snapshot_id(snapshot),
                offset=_parse_offset(offset),
                data=_parse_data(data),
            )
        case 48, [judgement, verdict]:
            return Judge(
                wallet_id=wallet_id,
                judgement=_parse_judgement(judgement),
                verdict=_parse_verdict(verdict),
            )
        case 49, [snapshot, wish]:
            return WantSnapshot(
                wallet_id=wallet_id,
                snapshot=None if snapshot is None else parse_snapshot_id(snapshot),
                wish=parse_wish(wish),
            )
        case _:
            raise Malformed("the message is not one that a client sends")


def parse_from_server(kind: int, wallet_id: WalletId, rest: list[object]) -> FromServer:
    """Parse what follows the type and the wallet in a server's message.

    Raises:
        Malformed: it is no message about snapshots.
    """
    match kind, rest:
        case 18, [statement, endorsements, is_resting]:
            return SnapshotHeld(
                wallet_id=wallet_id,
                statement=_parse_statement(statement),
                endorsements=_parse_verdicts(endorsements),
                is_resting=codec.as_flag(is_resting),
            )
        case 19, [snapshot, offset, data]:
            return SnapshotBytes(
                wallet_id=wallet_id,
                snapshot=parse_snapshot_id(snapshot),
                offset=_parse_offset(offset),
                data=_parse_data(data),
            )
        case 20, [snapshot, offset]:
            return SnapshotWanted(
                wallet_id=wallet_id,
                snapshot=parse_snapshot_id(snapshot),
                offset=_parse_offset(offset),
            )
        case 21, [judgement, verdict]:
            return Judged(
                wallet_id=wallet_id,
                judgement=_parse_judgement(judgement),
                verdict=_parse_verdict(verdict),
            )
        case _:
            raise Malformed("the message is not one that a server sends")


def parse_wish(value: object) -> Wish:
    """Parse what `Wish.encode` made.

    Raises:
        Malformed: it is something else.
    """
    declined, begun = codec.as_array(value, 2)
    ids = codec.as_list(declined, count_max=limits.SNAPSHOTS_DECLINED_COUNT_MAX)
    parsed = tuple(parse_snapshot_id(item) for item in ids)
    codec.require_ascending(parsed, "the declined snapshots")
    if begun is None:
        return Wish(declined=parsed)
    snapshot, offset = codec.as_array(begun, 2)
    return Wish(declined=parsed, begun=(parse_snapshot_id(snapshot), _parse_offset(offset)))


def parse_snapshot_id(value: object) -> SnapshotId:
    """Parse the id of a snapshot.

    Raises:
        Malformed: it is something else.
    """
    return SnapshotId(codec.as_bytes(value, 32))


def _parse_statement(value: object) -> bytes:
    return codec.as_bytes(value, size_max=limits.SNAPSHOT_STATEMENT_SIZE_MAX)


def _parse_offset(value: object) -> int:
    return codec.as_integer(value, maximum=limits.SNAPSHOT_SIZE_MAX)


def _parse_data(value: object) -> bytes:
    return codec.as_bytes(value, size_max=limits.SNAPSHOT_PART_SIZE)


def _parse_verdict(value: object) -> bytes:
    return codec.as_bytes(value, size_max=VERDICT_SIZE_MAX)


def _parse_verdicts(value: object) -> tuple[bytes, ...]:
    items = codec.as_list(value, count_max=limits.MEMBERS_COUNT_MAX)
    return tuple(_parse_verdict(item) for item in items)


def _parse_judgement(value: object) -> Judgement:
    try:
        return Judgement(codec.as_text(value))
    except ValueError as error:
        raise Malformed("the verdict is neither of the two there are") from error
