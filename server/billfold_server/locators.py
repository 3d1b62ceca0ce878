"""Finding a wallet by its recovery key: who may leave a pin, and what is told to whoever asks.

A pin is kept only for a recovery member that has signed its locator, and only while it is a member.
Whoever asks for an unknown locator gets bytes that look like a pin and stay the same, so that the
answer does not tell which locators exist.

Spec: 24-recovery.md
"""

import hashlib
from collections.abc import Callable

from billfold_protocol import limits
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, RemoteProtocolError
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Kind, MembershipState, Role
from billfold_protocol.messages import Locate, Located, PutLocator, locator_parts
from billfold_protocol.server_session import CLOSE_POLICY
from billfold_server.commits import LocatorStep
from billfold_server.hub import Peer
from billfold_server.intake import Intake
from billfold_server.quotas import Quotas, RateLimiter
from billfold_server.store import LogStore
from billfold_server.wallet_log import Wallets


class Locators:
    """Judges what is left under locators, and answers who asks."""

    def __init__(
        self,
        store: LogStore,
        wallets: Wallets,
        intake: Intake,
        key: signing.SigningKey,
        *,
        quotas: Quotas,
        now_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._wallets = wallets
        self._intake = intake
        self._key = key
        self._now_s = now_s
        self._pin_rate = RateLimiter(quotas.pins_per_device_per_hour)
        self._locate_rate = RateLimiter(quotas.locates_per_address_per_hour)

    def put(self, peer: Peer, message: PutLocator) -> None:
        """Keep a recovery member's pin; one that is not its own is dropped."""
        wallet = self._wallets.require(message.wallet_id)
        author = peer.subscriptions[message.wallet_id].device
        if not self._pin_rate.take((message.wallet_id, author), 1, now_s=self._now_s()):
            return
        state = wallet.state
        member = state.members.get(message.device)
        if member is None or not _may_leave(state, author, message.device):
            return
        parts = locator_parts(message.wallet_id, message.device, message.locator)
        try:
            signing.check_signature(
                member.keys.signing, message.proof, Domain.RECOVERY_LOCATOR_SIGNATURE, *parts
            )
        except AuthFailed:
            return
        step = LocatorStep(message.device, message.locator, message.pin, peer)
        self._intake.stage(wallet, len(message.pin)).steps.append(step)

    def locate(self, peer: Peer, message: Locate) -> None:
        """Answer with the pin under a locator, or with what looks like one.

        Raises:
            RemoteProtocolError: this address has asked too often.
            StoreError: the store is closed or damaged.
        """
        if not self._locate_rate.take(peer.address, 1, now_s=self._now_s()):
            raise RemoteProtocolError("too many locators were asked for", close_code=CLOSE_POLICY)
        decoy = self._decoy(message.locator)
        peer.send(Located(locator=message.locator, pin=self._find(message.locator) or decoy))

    def _find(self, locator: bytes) -> bytes | None:
        kept = self._store.find_locator(locator)
        wallet = None if kept is None else self._wallets.find(kept.wallet_id)
        if kept is None or wallet is None:
            return None
        found = kept.raw if kept.device in wallet.durable_state.members else None
        self._intake.forget_if_idle(wallet)
        return found

    def _decoy(self, locator: bytes) -> bytes:
        """Return what an unknown locator is answered with: nobody else can make it."""
        secret = self._key.sign(Domain.RECOVERY_DECOY_SIGNATURE, locator)
        return hashlib.shake_256(secret).digest(limits.RECOVERY_PIN_SIZE_MIN)


def _may_leave(state: MembershipState, author: DeviceId, device: DeviceId) -> bool:
    """Whether a member may leave the pin of a recovery member: its holder, or an owner, may."""
    by, member = state.members.get(author), state.members.get(device)
    if by is None or member is None or by.kind is Kind.AGENT or member.kind is not Kind.RECOVERY:
        return False
    return by.holder == member.holder or by.role is Role.OWNER
