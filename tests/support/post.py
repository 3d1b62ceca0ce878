"""A relay with one wallet, its devices' requests about mailboxes, and senders who know an address.

Spec: 26-channels.md
"""

from dataclasses import replace

from billfold_protocol.ids import ServerKey
from billfold_protocol.mailbox import (
    Deposit,
    MailboxAnswer,
    MailboxRequest,
    Question,
    capability_hash,
    encode_request,
    sign_opening,
    verify_answer,
)
from billfold_protocol.mailbox_sealing import ChannelKeys
from billfold_protocol.messages import (
    AskMailbox,
    MailboxState,
    OpenMailbox,
    OwnerNews,
    OwnerRequest,
    TellMailbox,
)
from billfold_server.intake import RelayConfig
from billfold_server.mailboxes import Sender
from billfold_server.quotas import Quotas
from tests.support.relay_bench import BenchPeer, RelayBench
from tests.support.wallets import TestWallet

KEYS = ChannelKeys(bytes(range(32)))
OTHER = ChannelKeys(bytes(range(1, 33)))
ABOUT = bytes(range(32))
DAY_S = 86_400


class Post:
    """A relay with one wallet, and a sender who knows an address."""

    def __init__(self, **quotas: int) -> None:
        config = RelayConfig(quotas=replace(Quotas(), **quotas))
        self.bench = RelayBench(config=config)
        self.wallet = TestWallet()
        self.laptop = self.bench.join(self.wallet)

    @property
    def server_key(self) -> ServerKey:
        return self.bench.relay.server_key

    def opening(self, keys: ChannelKeys = KEYS, wallet: TestWallet | None = None) -> OpenMailbox:
        """Return what opens a mailbox."""
        shown = capability_hash(keys.address, keys.capability)
        wallet_id = (wallet or self.wallet).chain.wallet_id
        proof = sign_opening(keys.party.signing_key, self.server_key, wallet_id, shown)
        return OpenMailbox(card=keys.card(), capability=shown, proof=proof)

    def opened(self, keys: ChannelKeys = KEYS) -> None:
        """Open a mailbox."""
        (state,) = self.ask(self.opening(keys))
        assert state == MailboxState(address=keys.address, is_open=True, last=0, merged=0)

    def ask(
        self,
        request: OwnerRequest,
        *,
        peer: BenchPeer | None = None,
        wallet: TestWallet | None = None,
        is_committed: bool = True,
    ) -> list[OwnerNews]:
        """Let a device ask, and return what it is told."""
        asking = peer or self.laptop
        asking.take(TellMailbox)
        wallet_id = (wallet or self.wallet).chain.wallet_id
        asking.say(AskMailbox(wallet_id=wallet_id, request=request))
        if is_committed:
            self.bench.commit()
        return [told.news for told in asking.take(TellMailbox)]

    def post(
        self,
        request: MailboxRequest,
        keys: ChannelKeys = KEYS,
        *,
        capability: bytes | None = None,
        sender: str = "192.0.2.1",
        is_committed: bool = True,
    ) -> list[MailboxAnswer]:
        """Let a sender ask, and return the answers, which are verified."""
        body = encode_request(request)
        question, answers = Question(address=keys.address, body=body), list[MailboxAnswer]()

        def take(answer: MailboxAnswer, raw: bytes) -> None:
            assert verify_answer(raw, self.server_key, question) == answer
            answers.append(answer)

        shown = keys.capability if capability is None else capability
        who = Sender(address=sender, capability=shown)
        self.bench.relay.mailboxes.receive(who, keys.address, body, take)
        if is_committed:
            self.bench.commit()
        return answers

    def deposit(self, sealed: bytes = b"sealed", keys: ChannelKeys = KEYS) -> MailboxAnswer:
        """Leave a message."""
        (answer,) = self.post(Deposit(sealed=sealed), keys)
        return answer

    def held(self) -> list[bytes]:
        """Return the messages that the store holds."""
        mail = self.bench.store.mail.read_mail(
            KEYS.address, after=0, count_max=999, size_max=1 << 30
        )
        return [one.raw for one in mail]
