"""A wallet with a member of each role and kind, and the way in which its chain refuses.

Spec: 13-membership.md
"""

import pytest

from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import (
    Home,
    Kind,
    MembershipChain,
    Payload,
    Role,
    ServerAddress,
)
from tests.support.wallets import TestDevice, TestWallet

HOME = Home(server=ServerAddress(address="https://example.org", key=ServerKey(bytes(32))))


class Family:
    """An owner with an editor, a viewer, an agent and a recovery member, and another person."""

    def __init__(self) -> None:
        self.wallet = TestWallet("family")
        self.owner = self.wallet.owner
        self.editor = self.wallet.link(TestDevice("family/editor"))
        self.viewer = self.wallet.link(TestDevice("family/viewer"), role=Role.VIEWER)
        self.agent = self.wallet.link(TestDevice("family/agent"), role=Role.OWNER, kind=Kind.AGENT)
        self.recovery = self.wallet.link(TestDevice("family/recovery"), kind=Kind.RECOVERY)
        self.friend = self.wallet.invite(TestDevice("family/friend"))
        self.child = self.wallet.link(TestDevice("family/child"), sponsor=self.editor)
        self.stranger = TestDevice("family/stranger")

    def refusal(self, author: TestDevice, payload: Payload) -> type[BillfoldError]:
        """Return the type of the error with which this wallet's chain refuses an entry."""
        return refusal(self.wallet.chain, self.wallet.sign(author, payload))


def refusal(chain: MembershipChain, raw: bytes) -> type[BillfoldError]:
    """Return the type of the error with which a chain refuses bytes, having stayed the same."""
    before = (list(chain.raws), chain.state)
    with pytest.raises(BillfoldError) as caught:
        chain.append(raw)
    assert (list(chain.raws), chain.state) == before
    return caught.type
