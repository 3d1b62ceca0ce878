"""The canonical bytes of membership entries.

An entry is `[version, kind, k, time, wallet_id, previous, author, payload]`, signed by its author.
`parse` checks the shape only; who may write what is `state`'s business.

Spec: 13-membership.md
"""

from enum import Enum
from typing import TypeVar

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Downgrade, LimitExceeded, Malformed
from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    EpochId,
    FeedId,
    HolderId,
    MembershipHash,
    ServerKey,
    SigningPublicKey,
    WalletId,
    WrappingPublicKey,
)
from billfold_protocol.membership.records import (
    Close,
    Complain,
    Create,
    Cut,
    DeviceKeys,
    Home,
    Kind,
    Link,
    MembershipEntry,
    Merge,
    OlderLink,
    Payload,
    Replace,
    Revoke,
    Role,
    Rotate,
    Rotation,
    ServerAddress,
    SetRole,
    Target,
    TargetKind,
)
from billfold_protocol.membership.tenure import encode_consent, parse_consent

VERSION = 1

Choice = TypeVar("Choice", bound=Enum)

_REVOKE_PARTS_COUNT = 3
"""And a consent, where there is one."""

BACK_LINK_SIZE = 24 + 32 + 16
"""A nonce, a sealed epoch key and its tag."""


def membership_hash(body: bytes) -> MembershipHash:
    """Return the 32-byte hash that names an entry; a `create` entry's names the wallet."""
    return MembershipHash(hashing.digest(Domain.MEMBERSHIP_HASH, body))


def acceptance_parts(wallet_id: WalletId, sponsor: DeviceId, link: Link) -> tuple[bytes, ...]:
    """Return what a new device signs to accept its membership."""
    terms = codec.encode(
        [
            link.is_invite,
            link.keys.encode(),
            link.holder,
            link.role.value,
            link.kind.value,
            link.session,
        ]
    )
    return wallet_id, sponsor, terms


def consent_parts(wallet_id: WalletId, member: DeviceId, epoch: EpochId) -> tuple[bytes, ...]:
    """Return what a device signs to have a recovery member removed while this epoch lasts."""
    return wallet_id, member, epoch


def replacement_parts(wallet_id: WalletId, device: DeviceId, keys: DeviceKeys) -> tuple[bytes, ...]:
    """Return what the old and the new keys of a device sign so that the new take its place."""
    return wallet_id, device, codec.encode(keys.encode())


def sign_entry(
    entry: MembershipEntry, key: signing.SigningKey
) -> signing.Verified[MembershipEntry]:
    """Sign an entry of our own.

    Raises:
        LimitExceeded: it is larger, or later in its chain, than anyone accepts.
    """
    if entry.k >= limits.CHAIN_LENGTH_MAX:
        raise LimitExceeded("the membership chain is as long as it may be")
    payload = entry.payload
    if (
        isinstance(payload, Revoke | Replace | SetRole)
        and len(payload.cut) > limits.FEEDS_COUNT_MAX
    ):
        raise LimitExceeded("the cut names more feeds than a wallet may have")
    body = encode(entry)
    if signing.SIGNATURE_SIZE + len(body) > limits.MEMBERSHIP_ENTRY_SIZE_MAX:
        raise LimitExceeded("the membership entry is too large")
    return signing.sign_value(key, entry, body, Domain.MEMBERSHIP_SIGNATURE, entry.wallet_id or b"")


def encode(entry: MembershipEntry) -> bytes:
    """Return the bytes that are signed and hashed."""
    kind, payload = _encode_payload(entry.payload)
    return codec.encode(
        [
            VERSION,
            kind,
            entry.k,
            entry.time_s,
            entry.wallet_id,
            entry.previous,
            entry.author,
            payload,
        ]
    )


def parse(raw: bytes) -> signing.Signed[MembershipEntry]:
    """Parse signed bytes; the signature is not checked.

    Raises:
        Malformed: the bytes are not a membership entry.
        Downgrade: the entry is of another version.
    """
    if len(raw) > limits.MEMBERSHIP_ENTRY_SIZE_MAX:
        raise Malformed("the membership entry is too large")
    signature, body = signing.split(raw)
    fields = codec.as_array(codec.decode(body, size_max=limits.MEMBERSHIP_ENTRY_SIZE_MAX))
    if not fields or fields[0] != VERSION or type(fields[0]) is not int:
        raise Downgrade("the membership entry is of a version this client does not speak")
    _, kind, k, time_s, wallet_id, previous, author, payload = codec.as_array(fields, 8)
    index = codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX - 1)
    if (index == 0) != (wallet_id is None) or (index == 0) != (previous is None):
        raise Malformed("only the first entry has no wallet and no entry before it")
    entry = MembershipEntry(
        k=index,
        time_s=codec.as_integer(time_s),
        wallet_id=None if wallet_id is None else WalletId(codec.as_bytes(wallet_id, 32)),
        previous=None if previous is None else MembershipHash(codec.as_bytes(previous, 32)),
        author=DeviceId(codec.as_bytes(author, 16)),
        payload=_parse_payload(codec.as_text(kind), payload),
    )
    if (index == 0) != isinstance(entry.payload, Create):
        raise Malformed("a chain begins with `create`, and only there")
    return signing.Signed(entry, body, signature)


def _encode_payload(payload: Payload) -> tuple[str, list[object]]:
    match payload:
        case Create():
            return "create", [payload.keys.encode(), payload.holder, payload.commitment]
        case Home():
            return "home", _encode_home(payload)
        case Link():
            return "invite" if payload.is_invite else "link", [
                payload.keys.encode(),
                payload.holder,
                payload.role.value,
                payload.kind.value,
                payload.session,
                payload.acceptance,
                payload.wrap_hash,
            ]
        case Revoke():
            target = [payload.target.kind.value, payload.target.id]
            consent = [] if payload.consent is None else [encode_consent(payload.consent)]
            parts = [target, _encode_cut(payload.cut), _encode_rotation(payload.rotation)]
            return "revoke", [*parts, *consent]
        case Replace():
            return "replace", [
                payload.device,
                payload.keys.encode(),
                payload.acceptance,
                payload.request,
                _encode_cut(payload.cut),
                _encode_rotation(payload.rotation),
            ]
        case Rotate():
            older = [[[link.k, link.back_link] for link in payload.older]] if payload.older else []
            return "rotate", [_encode_rotation(payload.rotation), *older]
        case Complain():
            return "complain", [payload.epoch]
        case SetRole():
            return "set_role", [payload.device, payload.role.value, _encode_cut(payload.cut)]
        case Merge():
            return "merge", [
                list(payload.branch),
                _encode_rotation(payload.rotation),
                payload.other_back_link,
                None if payload.home is None else _encode_home(payload.home),
                list(payload.voided),
            ]
        case Close():
            return "close", []


def _parse_payload(kind: str, payload: object) -> Payload:
    match kind:
        case "create":
            keys, holder, commitment = codec.as_array(payload, 3)
            return Create(
                keys=_parse_keys(keys),
                holder=HolderId(codec.as_bytes(holder, 16)),
                commitment=codec.as_bytes(commitment, 32),
            )
        case "home":
            return _parse_home(payload)
        case "link" | "invite":
            return _parse_link(codec.as_array(payload, 7), is_invite=kind == "invite")
        case "revoke":
            parts = codec.as_array(payload)
            consent = parse_consent(parts.pop()) if len(parts) > _REVOKE_PARTS_COUNT else None
            target, cut, rotation = codec.as_array(parts, _REVOKE_PARTS_COUNT)
            target_kind, target_id = codec.as_array(target, 2)
            return Revoke(
                target=Target(
                    _parse_enum(TargetKind, target_kind, "target"), codec.as_bytes(target_id, 16)
                ),
                cut=_parse_cut(cut),
                rotation=_parse_rotation(rotation),
                consent=consent,
            )
        case "replace":
            return _parse_replace(codec.as_array(payload, 6))
        case "rotate":
            return _parse_rotate(codec.as_array(payload))
        case "complain":
            (epoch,) = codec.as_array(payload, 1)
            return Complain(epoch=EpochId(codec.as_bytes(epoch, 16)))
        case "set_role":
            device, role, cut = codec.as_array(payload, 3)
            return SetRole(
                device=DeviceId(codec.as_bytes(device, 16)),
                role=_parse_enum(Role, role, "role"),
                cut=_parse_cut(cut),
            )
        case "merge":
            return _parse_merge(codec.as_array(payload, 5))
        case "close":
            codec.as_array(payload, 0)
            return Close()
        case _:
            raise Malformed("this kind of membership entry is unknown")


def _parse_link(fields: list[object], *, is_invite: bool) -> Link:
    keys, holder, role, kind, session, acceptance, wrap_hash = fields
    return Link(
        is_invite=is_invite,
        keys=_parse_keys(keys),
        holder=HolderId(codec.as_bytes(holder, 16)),
        role=_parse_enum(Role, role, "role"),
        kind=_parse_enum(Kind, kind, "kind of member"),
        session=codec.as_bytes(session, 16),
        acceptance=codec.as_bytes(acceptance, signing.SIGNATURE_SIZE),
        wrap_hash=codec.as_bytes(wrap_hash, 32),
    )


def _parse_replace(fields: list[object]) -> Replace:
    device, keys, acceptance, request, cut, rotation = fields
    return Replace(
        device=DeviceId(codec.as_bytes(device, 16)),
        keys=_parse_keys(keys),
        acceptance=codec.as_bytes(acceptance, signing.SIGNATURE_SIZE),
        request=codec.as_bytes(request, signing.SIGNATURE_SIZE),
        cut=_parse_cut(cut),
        rotation=_parse_rotation(rotation),
    )


def _parse_rotate(fields: list[object]) -> Rotate:
    older: list[OlderLink] = []
    if len(fields) > 1:
        links = codec.as_list(fields.pop(), count_max=limits.OLDER_LINKS_COUNT_MAX)
        for index, back_link in (codec.as_array(link, 2) for link in links):
            k = codec.as_integer(index, maximum=limits.CHAIN_LENGTH_MAX - 1)
            older.append(OlderLink(k=k, back_link=codec.as_bytes(back_link, BACK_LINK_SIZE)))
        if not older or [link.k for link in older] != sorted({link.k for link in older}):
            raise Malformed("links to older epochs stand in ascending order, each once")
    (rotation,) = codec.as_array(fields, 1)
    return Rotate(rotation=_parse_rotation(rotation), older=tuple(older))


def _parse_merge(fields: list[object]) -> Merge:
    branch, rotation, other_back_link, home, voided = fields
    devices = [
        DeviceId(codec.as_bytes(item, 16))
        for item in codec.as_list(voided, count_max=limits.MEMBERS_COUNT_MAX)
    ]
    codec.require_ascending(devices, "the devices that a merge voids")
    return Merge(
        branch=tuple(
            codec.as_bytes(item, size_max=limits.MEMBERSHIP_ENTRY_SIZE_MAX)
            for item in codec.as_list(branch, count_max=limits.BRANCH_LENGTH_MAX)
        ),
        rotation=_parse_rotation(rotation),
        other_back_link=codec.as_bytes(other_back_link, BACK_LINK_SIZE),
        home=None if home is None else _parse_home(home),
        voided=tuple(devices),
    )


def _encode_home(home: Home) -> list[object]:
    fallbacks = [[server.address, server.key] for server in home.fallbacks]
    return [[home.server.address, home.server.key], fallbacks]


def _parse_home(value: object) -> Home:
    server, fallbacks = codec.as_array(value, 2)
    return Home(
        server=_parse_server(server),
        fallbacks=tuple(
            _parse_server(fallback)
            for fallback in codec.as_list(fallbacks, count_max=limits.FALLBACKS_COUNT_MAX)
        ),
    )


def _parse_keys(value: object) -> DeviceKeys:
    signing_key, wrapping_key = codec.as_array(value, 2)
    return DeviceKeys(
        SigningPublicKey(codec.as_bytes(signing_key, 32)),
        WrappingPublicKey(codec.as_bytes(wrapping_key, 1216)),
    )


def _parse_server(value: object) -> ServerAddress:
    address, key = codec.as_array(value, 2)
    return ServerAddress(
        address=codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX),
        key=ServerKey(codec.as_bytes(key, 32)),
    )


def _encode_cut(cut: Cut) -> list[object]:
    return [[feed, seq, entry_id] for feed, (seq, entry_id) in sorted(cut.items())]


def _parse_cut(value: object) -> Cut:
    cut: dict[FeedId, tuple[int, EntryId]] = {}
    feeds: list[bytes] = []
    for item in codec.as_list(value, count_max=limits.FEEDS_COUNT_MAX):
        feed, seq, entry_id = codec.as_array(item, 3)
        feed_id = FeedId(codec.as_bytes(feed, 16))
        feeds.append(feed_id)
        cut[feed_id] = (codec.as_integer(seq), EntryId(codec.as_bytes(entry_id, 32)))
    codec.require_ascending(feeds, "the feeds of a cut")
    return cut


def _encode_rotation(rotation: Rotation) -> list[object]:
    return [rotation.commitment, list(rotation.wrap_hashes), rotation.back_link]


def _parse_rotation(value: object) -> Rotation:
    commitment, wrap_hashes, back_link = codec.as_array(value, 3)
    return Rotation(
        commitment=codec.as_bytes(commitment, 32),
        wrap_hashes=tuple(
            codec.as_bytes(item, 32)
            for item in codec.as_list(wrap_hashes, count_max=limits.MEMBERS_COUNT_MAX)
        ),
        back_link=codec.as_bytes(back_link, BACK_LINK_SIZE),
    )


def _parse_enum(choices: type[Choice], value: object, what: str) -> Choice:
    try:
        return choices(codec.as_text(value))
    except ValueError as error:
        raise Malformed(f"this {what} is unknown") from error
