"""What a wallet does with its credentials: adding, listing, showing, one-time instances, status.

    await wallet.credentials.add(raw, issuer_keys=IssuerKeys.key_set(jwks))
    shown = await wallet.credentials.present(query, audience=…, nonce=…)

Spec: 42-credentials.md
"""

from collections.abc import Callable

from billfold.editing import EditBlock
from billfold.holdings.base import Base
from billfold.holdings.credentials import Credentials
from billfold.holdings.presenting import Presented
from billfold.holdings.standing import Standing
from billfold.holdings.statuses import StatusReport
from billfold.model import Credential, Key
from billfold.opening import now_ms
from billfold.reading import WalletReading
from billfold.typed_records import TypedRecords
from billfold.unlocked import Unlocked


def credentials_of(
    wallet: WalletReading, edit: Callable[[], EditBlock], unlocked: Callable[[], Unlocked]
) -> Credentials:
    """Return the credentials of an open wallet.

    Args:
        wallet: where the records are read.
        edit: begins an edit of the same wallet.
        unlocked: returns what is open, or raises `WalletLocked`.
    """
    return Credentials(
        Base(
            records=TypedRecords(Credential, wallet, edit),
            keys=TypedRecords(Key, wallet, edit),
            edit=edit,
            unlocked=unlocked,
            now_s=lambda: now_ms() // 1000,
        )
    )


__all__ = ["Credentials", "Presented", "Standing", "StatusReport", "credentials_of"]
