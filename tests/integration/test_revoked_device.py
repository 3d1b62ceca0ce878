from collections.abc import Callable, Iterable
from pathlib import Path

from billfold.device import DeviceSecrets
from billfold.document import FieldEdit, random_record_id
from billfold.founding import DEVICE_KEY
from billfold.keyring import open_key
from billfold.store import SqlCipherStore, WalletLock
from billfold_protocol import codec
from billfold_protocol.crypto.derivation import derive_key
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.envelope import open_entry
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Entry, parse_entry, verify_entry
from billfold_protocol.ids import EpochId, EpochKey, WalletId
from billfold_protocol.key_hierarchy import WrapContext, commit_to, open_back_links, open_wrap
from billfold_protocol.membership import MembershipChain, Role
from billfold_server.store import LogStore, open_store
from tests.support.circle import Circle
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import running_server, settings

LATER_COUNT = 1000
EVERYTHING = 1 << 40
DERIVATIONS = [domain for domain in Domain if b"/derive/" in domain.value]


class Attack:
    """What a revoked device can try: all it held when it was revoked, and all the server holds."""

    def __init__(
        self, chain: MembershipChain, secrets: DeviceSecrets, epoch_keys: dict[EpochId, EpochKey]
    ) -> None:
        self.chain = chain
        self.removed_k = chain.state.removed[secrets.device_id]
        self._epoch_keys = epoch_keys
        _, *seeds = codec.as_array(codec.decode(secrets.encode(), size_max=256), 4)
        known = [*epoch_keys.values(), *(codec.as_bytes(seed, 32) for seed in seeds)]
        derived = [
            derive_key(secret, domain, chain.wallet_id)
            for secret in known
            for domain in DERIVATIONS
        ]
        self.keys = [EpochKey(key) for key in (*known, *derived)]

    def count_opened(self, entries: list[Verified[Entry]]) -> int:
        """Return how many entries any key opens."""
        return count_opened(entries, self.keys, self.chain.wallet_id)

    def reaches_a_later_epoch(self) -> bool:
        """Whether a back-link or a guess leads to a key of the epochs since the removal."""
        states = [self.chain.state_at(k) for k in range(self.removed_k, len(self.chain))]
        linked = open_back_links(self.chain, self._epoch_keys).keys.keys()
        guessed = {commit_to(key) for key in self.keys}
        return any(
            state.epoch.id in linked or state.epoch.commitment in guessed for state in states
        )


def opens_a_wrap(
    chain: MembershipChain, secrets: DeviceSecrets, wraps: Iterable[tuple[int, bytes]]
) -> bool:
    """Whether a device opens a wrap, whoever it is for, by the book or past its checks."""
    secret = secrets.unwrapping_key
    devices = [*chain.state.members, *chain.state.removed]
    return any(
        succeeds(open_wrap, chain, k, device, secret, raw)
        or succeeds(secret.unwrap, raw, Domain.EPOCH_WRAP, *context_at(chain, k).parts(device))
        for k, raw in wraps
        for device in devices
    )


def context_at(chain: MembershipChain, k: int) -> WrapContext:
    return WrapContext(
        wallet_id=chain.wallet_id,
        k=k,
        previous=chain.state_at(k - 1).hash,
        author=chain.entries[k].author,
        commitment=chain.state_at(k).epoch.commitment,
    )


def read_device(folder: Path) -> tuple[DeviceSecrets, dict[EpochId, EpochKey]]:
    """Return all keys that a closed device holds."""
    store = SqlCipherStore.open(folder, open_key(folder, UNLOCK), lock=WalletLock(folder))
    state = store.load()
    store.close()
    keys = {epoch: EpochKey(key) for epoch, key in state.epoch_keys.items()}
    return DeviceSecrets.decode(state.meta[DEVICE_KEY]), keys


def read_later(store: LogStore, chain: MembershipChain, removed_k: int) -> list[Verified[Entry]]:
    """Return the server's entries that were made under the removal or later, verified."""
    log = store.load_wallet(chain.wallet_id)
    assert log is not None
    later = []
    stored = store.read_entries(
        chain.wallet_id, after_n=0, count_max=EVERYTHING, size_max=EVERYTHING
    )
    for signed in (parse_entry(entry.raw, chain.wallet_id) for entry in stored):
        keys = chain.keys_of(log.heads[signed.value.feed].device)
        assert keys is not None
        if signed.value.k >= removed_k:
            later.append(verify_entry(signed, chain.wallet_id, keys.signing))
    return later


def succeeds(attempt: Callable[..., object], *arguments: object) -> bool:
    try:
        attempt(*arguments)
    except BillfoldError:
        return False
    return True


def count_opened(entries: list[Verified[Entry]], keys: list[EpochKey], wallet_id: WalletId) -> int:
    return sum(
        any(succeeds(open_entry, entry, wallet_id, key) for key in keys) for entry in entries
    )


def test_a_revoked_device_opens_none_of_a_thousand_later_entries() -> None:
    circle = Circle("revoked device")
    circle.link("phone", Role.EDITOR)
    circle.link("tablet", Role.EDITOR)
    record = random_record_id(bytes(16))
    circle.edit("owner", [FieldEdit(record, "type", "login")])
    circle.share()
    circle.rotate("owner")
    circle.share()
    tablet = circle["tablet"]
    epoch_keys = dict(tablet.replica.core.epoch_keys)
    assert len(epoch_keys) == 2
    before_count = len(circle.entries)
    circle.revoke("owner", "tablet")
    circle.share()
    for number in range(LATER_COUNT):
        circle.edit("owner", [FieldEdit(record, f"field {number % 50}", number)])
        if number == LATER_COUNT // 2:
            circle.rotate("owner")
    owner = circle["owner"].replica
    public = owner.core.chain.keys_of(circle["owner"].device_id)
    assert public is not None
    later = [
        verify_entry(parse_entry(raw, owner.wallet_id), owner.wallet_id, public.signing)
        for raw in circle.entries[before_count:]
    ]
    assert len(later) == LATER_COUNT
    # What is tried below does open them, given the right keys.
    assert count_opened(later, list(owner.core.epoch_keys.values()), owner.wallet_id) == LATER_COUNT

    attack = Attack(owner.core.chain, tablet.secrets, epoch_keys)
    assert attack.count_opened(later) == 0
    assert not attack.reaches_a_later_epoch()
    wraps = [
        (k, raw)
        for membership in circle.memberships
        for k, _, raw in membership.authored.wraps
        if k >= attack.removed_k
    ]
    assert len(wraps) == 2 * 2
    assert opens_a_wrap(attack.chain, circle["phone"].secrets, wraps)
    assert not opens_a_wrap(attack.chain, tablet.secrets, wraps)


async def test_a_revoked_device_opens_nothing_of_a_real_servers_bytes(tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path / 'server.db'}"
    async with (
        running_server(settings(address)) as server,
        Household(tmp_path, server.addresses[0]) as home,
    ):
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        tablet = await home.link("tablet", laptop)
        async with laptop.edit() as edit:
            record = edit.add("login", title="before")
        await home.settle()
        await laptop.revoke("tablet")
        await home.settle(laptop, phone)
        for number in range(20):
            await (laptop, phone)[number % 2].set(record, f"field{number}", "later")
            await laptop.sync()
        await laptop.rotate()
        await laptop.set(record, "title", "later")
        await home.settle(laptop, phone)
        assert tablet.status().is_removed
        assert "field1" not in tablet.record(record).fields
        wallet_id = laptop.wallet_id

    secrets, epoch_keys = read_device(tmp_path / "tablet")
    right_secrets, right_keys = read_device(tmp_path / "laptop")
    store = open_store(address)
    try:
        log = store.load_wallet(wallet_id)
        assert log is not None
        attack = Attack(MembershipChain.load(log.members), secrets, epoch_keys)
        later = read_later(store, attack.chain, attack.removed_k)
        assert count_opened(later, list(right_keys.values()), wallet_id) == len(later) >= 20
        assert attack.count_opened(later) == 0
        assert not attack.reaches_a_later_epoch()
        wraps = [
            (wrap.k, wrap.raw)
            for device in (*attack.chain.state.members, *attack.chain.state.removed)
            for wrap in store.read_wraps(wallet_id, device, after_k=attack.removed_k - 1)
        ]
        assert len(wraps) == 2 * 2
        assert opens_a_wrap(attack.chain, right_secrets, wraps)
        assert not opens_a_wrap(attack.chain, secrets, wraps)
    finally:
        store.close()
