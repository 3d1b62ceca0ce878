"""An owner, an editor and a viewer with their feeds, and a replica that judges their entries.

Spec: 15-feeds.md
"""

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Entry
from billfold_protocol.feed.entry import sign_entry
from billfold_protocol.membership import Role
from tests.support.replicas import TestReplica
from tests.support.wallets import TestDevice, TestFeed, TestWallet


class Scene:
    """An owner, an editor and a viewer, the owner's feed, and a replica that knows the chain."""

    def __init__(self) -> None:
        self.wallet = TestWallet("graph")
        self.owner = self.wallet.owner
        self.editor = self.wallet.link(TestDevice("graph/editor"))
        self.viewer = self.wallet.link(TestDevice("graph/viewer"), role=Role.VIEWER)
        self.feed, self.other = TestFeed("graph/owner"), TestFeed("graph/editor")
        self.replica = self.informed()

    def informed(self) -> TestReplica:
        replica = TestReplica(self.wallet.chain.raws[0])
        replica.learn(self.wallet.chain.raws)
        return replica

    def sign(self, entry: Entry, device: TestDevice | None = None) -> bytes:
        author = device or self.owner
        return sign_entry(entry, self.wallet.chain.wallet_id, author.signing_key).raw

    def fork(self, *bodies: bytes) -> list[Verified[Entry]]:
        """Return the opening of a feed and two entries that both come second in it."""
        feeds = [TestFeed("graph/fork") for _ in bodies]
        opening = self.wallet.seal(self.owner, feeds[0], b"opening")
        for feed in feeds[1:]:
            feed.entries.append(opening.value)
        tails = [
            self.wallet.seal(self.owner, feed, body)
            for feed, body in zip(feeds, bodies, strict=True)
        ]
        return [opening, *tails]
