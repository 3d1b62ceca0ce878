"""Who is let in: the proof of a subscription, and what its device may do now.

Every connection of a device passes here, whether it is for entries or for blobs, so that there is
one way to prove who one is.

Spec: 20-handshake.md
"""

from collections.abc import Callable

from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.feed import Reason
from billfold_protocol.ids import DeviceId, WalletId
from billfold_protocol.messages import Subscribe, Subscribed
from billfold_protocol.server_session import CLOSE_POLICY, ServerSession
from billfold_server.delivery import Delivery
from billfold_server.quotas import RateLimiter
from billfold_server.wallet_log import ActiveWallet, Wallets


class Gate:
    """Judges proofs, by the wallets' durable membership."""

    def __init__(
        self,
        wallets: Wallets,
        delivery: Delivery,
        *,
        refusals_per_hour: int,
        now_s: Callable[[], float],
    ) -> None:
        self._wallets = wallets
        self._delivery = delivery
        self._refusal_rate = RateLimiter(refusals_per_hour)
        self._now_s = now_s

    def find_proven(self, session: ServerSession, message: Subscribe) -> ActiveWallet | None:
        """Return the wallet, if a device that is or was a member signed the message.

        Raises:
            StoreError: the store is closed or damaged.
        """
        wallet = self._wallets.find(message.wallet_id)
        keys = None if wallet is None else wallet.durable_keys_of(message.device)
        if keys is None or not session.is_proven(message, keys.signing):
            return None
        return wallet

    def count_refusal(self, address: str) -> None:
        """Take note that a subscription from a network address was refused.

        Raises:
            RemoteProtocolError: there were too many.
        """
        if not self._refusal_rate.take(address, 1, now_s=self._now_s()):
            raise RemoteProtocolError(
                "too many subscriptions were refused", close_code=CLOSE_POLICY
            )

    def admit(
        self, session: ServerSession, message: Subscribe, *, address: str
    ) -> Subscribed | None:
        """Answer the subscription of a connection that carries no entries; None refuses it.

        Raises:
            RemoteProtocolError: too many were refused.
            StoreError: the store is closed or damaged.
        """
        wallet = self.find_proven(session, message)
        if wallet is None:
            self.count_refusal(address)
            return None
        checkpoint = self._delivery.checkpoint(wallet, message.client_nonce, is_whole=True)
        return Subscribed(wallet_id=message.wallet_id, checkpoint=checkpoint, entries_count=0)

    def refusal_of(
        self, wallet_id: WalletId, device: DeviceId, *, is_writing: bool
    ) -> Reason | None:
        """Return why a device that was admitted may not read, or write, now; None if it may.

        Raises:
            StoreError: the store is closed or damaged.
        """
        wallet = self._wallets.find(wallet_id)
        if wallet is None:
            return Reason.UNKNOWN_WALLET
        state = wallet.durable_state
        member = state.members.get(device)
        if member is None:
            return Reason.REVOKED if device in state.removed else Reason.NOT_MEMBER
        if is_writing and state.is_closed:
            return Reason.CLOSED
        return Reason.ROLE if is_writing and not member.role.can_write else None

    def leave(self, wallet_id: WalletId) -> None:
        """Take note that a connection that was admitted has ended."""
        wallet = self._wallets.get(wallet_id)
        if wallet is not None:
            self._delivery.forget_if_idle(wallet)
