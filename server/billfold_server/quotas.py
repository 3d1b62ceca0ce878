"""How much one wallet, device and network address may use.

Rates are token buckets that refill evenly; the table of buckets is bounded and forgets the one
that was used longest ago.

Spec: 30-server-api.md
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from billfold_protocol import limits

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The operator's limits."""

    wallet_size_max: int = 256 * 1024 * 1024
    """Bytes that one wallet may store.

    Beyond it feed entries are refused; membership entries are not, so that a full wallet can still
    revoke a device.
    """

    blobs_size_max: int = 1024 * 1024 * 1024
    """Sealed bytes of one wallet's blobs, uploads that are under way included."""

    blobs_count_max: int = 4096
    """Blobs of one wallet, likewise."""

    blobs_dropped_s: int = 60 * DAY_S
    """How long a blob stays after its last holder let go of it."""

    blobs_unheld_s: int = 7 * DAY_S
    """How long an unfinished upload, or a blob that nobody has held yet, stays."""

    entries_per_device_per_hour: int = 200_000
    """Feed entries one device may push in an hour, and in one burst."""

    members_per_device_per_hour: int = 60
    """Membership entries one device may append in an hour, and in one burst."""

    beacons_per_device_per_hour: int = 7200
    """Beacons of one device that are passed on in an hour, and in one burst."""

    snapshots_per_device_per_hour: int = 120
    """Snapshots one device may offer in an hour, and in one burst; likewise verdicts."""

    snapshot_grace_s: int = limits.SNAPSHOT_GRACE_S
    """Seconds for which entries that an endorsed snapshot covers are kept, for objections."""

    snapshot_alone_s: int = limits.SNAPSHOT_ALONE_S
    """Likewise from its arrival, where its author is the only device and nobody can endorse it."""

    mailboxes_count_max: int = 256
    """Mailboxes that one wallet may have open."""

    mailbox_count_max: int = 256
    """Messages that may lie in one mailbox."""

    mailbox_size_max: int = 2 * 1024 * 1024
    """Their bytes; likewise those of the replies that were not taken."""

    mailbox_replies_count_max: int = 4096
    """Replies of one mailbox that are remembered, so that nothing is answered twice."""

    mail_size_max: int = 64 * 1024 * 1024
    """Bytes in all mailboxes of one wallet, in both directions."""

    mailbox_remembered_s: int = 365 * DAY_S
    """How long it is remembered that a mailbox was closed, and that something was answered."""

    deposits_per_mailbox_per_hour: int = 240
    """Messages that one mailbox takes in an hour, and in one burst."""

    mailbox_requests_per_address_per_hour: int = 60_000
    """Requests about mailboxes from one network address in an hour, and in one burst."""

    mailbox_refusals_per_address_per_hour: int = 3600
    """Those of them that name no mailbox, or show no capability of it."""

    mailboxes_per_device_per_hour: int = 7200
    """Changes to one wallet's mailboxes, replies included, by one device in an hour."""

    pins_per_device_per_hour: int = 60
    """Recovery pins that one device may leave in one wallet in an hour, and in one burst."""

    locates_per_address_per_hour: int = 120
    """Recovery pins that one network address may ask for in an hour, and in one burst."""

    wallets_per_address_per_hour: int = 1000
    """Wallets that may be registered from one network address in an hour."""

    refusals_per_address_per_hour: int = 3600
    """Subscriptions refused to one network address in an hour before its connections close."""

    rendezvous_per_address_per_hour: int = 3600
    """Times that one network address may come to a rendezvous in an hour, and in one burst."""

    connections_per_address: int = 4096
    """Connections that one network address may have open."""

    connections: int = 65_536
    """Connections that may be open in all."""


class RateLimiter:
    """Token buckets by key, each of the size of its hourly rate."""

    def __init__(self, per_hour: int, *, keys_count_max: int = 65_536) -> None:
        self._per_hour = per_hour
        self._keys_count_max = keys_count_max
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, count: int, *, now_s: float) -> bool:
        """Take `count` tokens of a key's bucket; False, and nothing taken, if there are fewer."""
        tokens, then_s = self._buckets.pop(key, (float(self._per_hour), now_s))
        refill = max(0.0, now_s - then_s) * self._per_hour / 3600
        tokens = min(float(self._per_hour), tokens + refill)
        has_room = tokens >= count
        self._buckets[key] = (tokens - count if has_room else tokens, now_s)
        if len(self._buckets) > self._keys_count_max:
            self._buckets.popitem(last=False)
        return has_room
