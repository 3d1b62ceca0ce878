"""One wallet whose chain holds every kind of entry; most vectors are about it.

Ada has a laptop, a phone, a tablet, a watch, recovery words and a helper (an agent); Ben, whom she
invites, has a phone and a tablet. Both of Ben's devices go, and he comes back with a new phone.

Spec: 13-membership.md
"""

from billfold_protocol.feed import feed_id
from billfold_protocol.ids import EntryId, ServerKey
from billfold_protocol.membership import (
    Close,
    Cut,
    Home,
    Kind,
    MembershipChain,
    Role,
    ServerAddress,
    SetRole,
    Target,
    TargetKind,
)
from specs.vectors.wallets import (
    Device,
    KeptWraps,
    Vector,
    Wallet,
    create_wallet,
    make_device,
    salt_of,
    secret,
)

LAPTOP = make_device("laptop", "ada")
PHONE = make_device("phone", "ada")
WORDS = make_device("words", "ada")
HELPER = make_device("helper", "ada")
TABLET = make_device("tablet", "ada")
WATCH = make_device("watch", "ada")
BEN_PHONE = make_device("ben phone", "ben")
BEN_TABLET = make_device("ben tablet", "ben")
BEN_NEW_PHONE = make_device("ben new phone", "ben")
STRANGER = make_device("stranger", "mallory")


def server(name: str) -> ServerAddress:
    """Return the address and key of a named server."""
    key = ServerKey(make_device(f"server {name}", "operator").signing.public_key)
    return ServerAddress(address=f"https://{name}.example", key=key)


def cut_of(*devices: Device) -> Cut:
    """Return a cut that names one feed of each device."""
    return {
        feed_id(device.id, salt_of(device.name)): (
            index + 3,
            EntryId(secret(f"cut {device.name}")),
        )
        for index, device in enumerate(devices)
    }


def tell(kept: KeptWraps | None) -> Wallet:
    """Return the wallet with its whole chain, of 18 entries."""
    wallet = create_wallet("story", LAPTOP, kept)
    wallet.add(LAPTOP, Home(server=server("one")))
    wallet.add(LAPTOP, wallet.link(LAPTOP, PHONE))
    invite = wallet.link(LAPTOP, BEN_PHONE, role=Role.EDITOR, is_invite=True)
    wallet.add(LAPTOP, invite)
    wallet.add(BEN_PHONE, wallet.link(BEN_PHONE, BEN_TABLET, role=Role.VIEWER))
    wallet.add(LAPTOP, wallet.link(LAPTOP, WORDS, kind=Kind.RECOVERY))
    wallet.add(PHONE, wallet.link(PHONE, HELPER, kind=Kind.AGENT))
    wallet.add(LAPTOP, SetRole(device=BEN_TABLET.id, role=Role.EDITOR, cut={}))
    demoted = SetRole(device=BEN_PHONE.id, role=Role.VIEWER, cut=cut_of(BEN_PHONE))
    wallet.add(PHONE, demoted)
    wallet.add(PHONE, Home(server=server("two"), fallbacks=(server("one"), server("three"))))
    wallet.rotate(PHONE)
    wallet.revoke(PHONE, HELPER, cut_of(HELPER))
    wallet.add(PHONE, wallet.link(PHONE, TABLET))
    wallet.add(TABLET, wallet.link(TABLET, WATCH, role=Role.EDITOR))
    linked = Target(TargetKind.DEVICE_AND_LINKED, TABLET.id)
    wallet.begin_epoch(LAPTOP, wallet.revocation(LAPTOP, linked, cut_of(TABLET, WATCH)))
    holder = Target(TargetKind.HOLDER, BEN_PHONE.holder)
    wallet.begin_epoch(LAPTOP, wallet.revocation(LAPTOP, holder, cut_of(BEN_PHONE, BEN_TABLET)))
    invite = wallet.link(LAPTOP, BEN_NEW_PHONE, role=Role.EDITOR, is_invite=True)
    wallet.add(LAPTOP, invite)
    wallet.add(LAPTOP, Close())
    return wallet


def tell_of_the_hidden() -> Wallet:
    """Return a wallet where all that one device brought in go, though the first of them is gone."""
    thief, middle, hidden = (make_device(name, "ada") for name in ("thief", "middle", "hidden"))
    wallet = create_wallet("hidden", LAPTOP)
    wallet.add(LAPTOP, wallet.link(LAPTOP, thief))
    wallet.add(thief, wallet.link(thief, middle))
    wallet.add(middle, wallet.link(middle, hidden))
    wallet.revoke(hidden, middle, {})
    wallet.revoke(hidden, thief, {})
    linked = Target(TargetKind.DEVICE_AND_LINKED, thief.id)
    wallet.begin_epoch(LAPTOP, wallet.revocation(LAPTOP, linked, {}))
    return wallet


def until(wallet: Wallet, length: int) -> Wallet:
    """Return the wallet as it was when its chain had `length` entries; new wraps are not kept."""
    chain = MembershipChain.load(wallet.chain.raws[:length])
    return Wallet(wallet.name, chain, dict(wallet.devices), dict(wallet.keys), kept=None)


def refusal(name: str, length: int, raw: bytes, expect: str, comment: str) -> Vector:
    """Return the vector of an entry that may not follow the first `length` of the story."""
    return {
        "id": name,
        "comment": comment,
        "chain": "story",
        "length": length,
        "append": raw.hex(),
        "expect": expect,
    }


def describe_state(wallet: Wallet, k: int) -> Vector:
    """Return what the chain means after its entry at index `k`."""
    state = wallet.chain.state_at(k)
    home = state.home
    return {
        "k": k,
        "hash": state.hash.hex(),
        "head": state.head.hex(),
        "members": [
            {
                "device": member.device.hex(),
                "holder": member.holder.hex(),
                "role": member.role.value,
                "kind": member.kind.value,
                "sponsor": member.sponsor.hex(),
                "since_k": member.since_k,
            }
            for member in state.members.values()
        ],
        "sponsors": [[device.hex(), by.hex()] for device, by in state.sponsors.items()],
        "removed": {device.hex(): at for device, at in sorted(state.removed.items())},
        "cuts": [
            {
                "k": cut.k,
                "device": cut.device.hex(),
                "heads": [[feed.hex(), seq, id_.hex()] for feed, (seq, id_) in cut.heads.items()],
            }
            for cut in state.cuts
        ],
        "epoch": {
            "id": state.epoch.id.hex(),
            "k": state.epoch.k,
            "commitment": state.epoch.commitment.hex(),
        },
        "home": home
        and {
            "server": [home.server.address, home.server.key.hex()],
            "fallbacks": [[server.address, server.key.hex()] for server in home.fallbacks],
        },
        "is_closed": state.is_closed,
        "complaints": sorted(device.hex() for device in state.complaints),
    }
