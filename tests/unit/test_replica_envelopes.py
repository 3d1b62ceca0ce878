from collections.abc import Mapping
from dataclasses import replace

from billfold.device import DeviceSecrets
from billfold.document import base_merge_kinds
from billfold.events import Warned
from billfold.founding import NewReplica
from billfold.replica import Replica
from billfold.store import EntryStatus, MemoryStore
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import AuthFailed
from billfold_protocol.feed import Dep, Entry
from billfold_protocol.ids import EntryId, EpochId, EpochKey
from billfold_protocol.membership import MembershipChain, Role, Rotate
from tests.support.seeded_bytes import SeededBytes, bytes_of
from tests.support.wallets import TestDevice, TestFeed, TestWallet


class Reader:
    """The replica of a member, whose every act is durable at once."""

    def __init__(
        self, wallet: TestWallet, device: TestDevice, keys: Mapping[EpochId, EpochKey]
    ) -> None:
        self.wallet, self.device = wallet, device
        seeds = (f"{device.seed}/signing", f"{device.seed}/wrapping", f"{device.seed}/secret")
        founded = NewReplica(
            secrets=DeviceSecrets(*(bytes_of(seed, 32) for seed in seeds)),
            holder=device.holder,
            chain=MembershipChain.load(wallet.chain.raws),
            epoch_keys=dict(keys),
            feed_salt=bytes_of(f"{device.seed}/salt", 16),
        )
        assert founded.secrets.device_id == device.id
        self.store = MemoryStore()
        self.store.commit(founded.writes())
        self.replica = self._open()

    def learn(self, *, with_wraps: bool = True) -> None:
        """Take the membership entries and wraps that are new."""
        k = len(self.replica.core.chain)
        self.replica.receive_members(k, self.wallet.chain.raws[k:])
        if with_wraps:
            self.learn_keys()
        self._settle()

    def learn_keys(self) -> None:
        """Take all of its wraps again."""
        wraps = [
            (k, device, wrapped)
            for (k, device), wrapped in self.wallet.wraps.items()
            if device == self.device.id
        ]
        self.replica.receive_wraps(wraps)
        self._settle()

    def receive(self, *entries: Verified[Entry]) -> None:
        """Take feed entries."""
        self.replica.receive_entries([entry.raw for entry in entries])
        self._settle()

    def warnings(self) -> list[type[Exception]]:
        """Return the types of the errors that it has warned of since it was asked last."""
        events = self.replica.journal.take_events()
        return [type(event.error) for event in events if isinstance(event, Warned)]

    def restart(self) -> None:
        """Begin again from what the store holds."""
        self.store = self.store.reopened()
        self.replica = self._open()

    def stored(self, entry: Verified[Entry]) -> tuple[bytes, EntryStatus]:
        """Return the envelope that is kept of an entry, and whether it counts."""
        value = entry.value
        (found,) = self.store.read_entries(value.feed, from_seq=value.seq, count_max=1, size_max=1)
        node = self.replica.core.graph.find(Dep(value.feed, value.seq, EntryId(found.entry_id)))
        assert node is not None
        assert node.is_counted == (found.status is not EntryStatus.EXCLUDED)
        return found.raw, found.status

    def _settle(self) -> None:
        self.replica.prepare(room=None)
        self.store.commit(self.replica.journal.take_writes())

    def _open(self) -> Replica:
        return Replica(
            self.store,
            now_ms=lambda: 0,
            random=SeededBytes(f"{self.device.seed}/replica"),
            merge_kinds=base_merge_kinds,
        )


class Demotion:
    """An editor's entry, sealed before it was demoted and again once it might write again."""

    def __init__(self, *, rotates: bool = False) -> None:
        self.wallet = wallet = TestWallet("envelopes")
        self.editor = wallet.link(TestDevice("envelopes/editor"))
        self.third = wallet.link(TestDevice("envelopes/third"))
        viewer = wallet.link(TestDevice("envelopes/viewer"), role=Role.VIEWER)
        self.reader = Reader(wallet, viewer, wallet.epoch_keys)
        feed = TestFeed("envelopes/editor")
        self.entry = wallet.seal(self.editor, feed)
        old_key = wallet.epoch_key
        wallet.set_role(self.editor, Role.VIEWER)
        self.voucher = wallet.seal(self.third, TestFeed("envelopes/third"), deps=[feed.head])
        if rotates:
            wallet.rotate()
        wallet.set_role(self.editor, Role.EDITOR)
        self.again = self.editor.sealer.reseal(
            self.entry.value,
            old_key=old_key,
            state=wallet.state,
            key=wallet.epoch_key,
            random=self.editor.random,
        )


def test_an_entry_beyond_a_cut_counts_by_its_later_envelope() -> None:
    scene = Demotion()
    reader = scene.reader
    reader.receive(scene.entry)
    reader.learn()
    assert reader.stored(scene.entry) == (scene.entry.raw, EntryStatus.EXCLUDED)
    reader.receive(scene.again)
    assert reader.stored(scene.entry) == (scene.again.raw, EntryStatus.COUNTED)
    reader.receive(scene.entry)
    reader.restart()
    assert reader.stored(scene.entry) == (scene.again.raw, EntryStatus.COUNTED)
    assert reader.warnings() == []


def test_a_later_envelope_of_what_counts_already_is_kept_once_its_key_is_here() -> None:
    scene = Demotion(rotates=True)
    reader = scene.reader
    reader.receive(scene.entry)
    reader.learn(with_wraps=False)
    reader.receive(scene.voucher, scene.again)
    assert reader.stored(scene.entry) == (scene.entry.raw, EntryStatus.COUNTED)
    reader.learn_keys()
    assert reader.stored(scene.entry) == (scene.again.raw, EntryStatus.COUNTED)
    # It needs nobody to vouch for it any more.
    scene.wallet.revoke(scene.third)
    reader.restart()
    reader.learn()
    assert reader.stored(scene.entry) == (scene.again.raw, EntryStatus.COUNTED)
    assert reader.stored(scene.voucher) == (scene.voucher.raw, EntryStatus.EXCLUDED)


def test_a_later_envelope_opens_what_waited_for_the_key_of_the_first() -> None:
    scene = Demotion(rotates=True)
    wallet = scene.wallet
    late = wallet.link(TestDevice("envelopes/late"), role=Role.VIEWER)
    newest = wallet.state.epoch.id
    reader = Reader(wallet, late, {newest: wallet.epoch_keys[newest]})
    reader.receive(scene.entry, scene.voucher)
    assert reader.replica.waiting_count == 2
    reader.receive(scene.again)
    assert reader.stored(scene.entry) == (scene.again.raw, EntryStatus.COUNTED)
    assert reader.replica.waiting_count == 1


def test_a_bad_back_link_is_warned_of_once_and_keys_are_kept() -> None:
    wallet = TestWallet("links")
    rotation, key, wraps = wallet.rotation()
    wallet.append(wallet.owner, Rotate(rotation=replace(rotation, back_link=b"\1" * 72)))
    newest = wallet.state.epoch.id
    wallet.epoch_keys[newest] = key
    late = wallet.link(TestDevice("links/late"), role=Role.VIEWER)
    reader = Reader(wallet, late, {newest: key})
    wallet.rotate()
    reader.learn()
    assert reader.warnings() == [AuthFailed]
    wallet.rotate()
    reader.learn()
    assert reader.warnings() == []
    first = wallet.chain.state_at(0).epoch.id
    assert reader.replica.core.epoch_keys.keys() == wallet.epoch_keys.keys() - {first}
    assert wraps.keys() == {wallet.owner.id}
