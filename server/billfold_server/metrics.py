"""The numbers an operator watches, in Prometheus' text format, in a registry of our own.

They count and add up; no number is about one wallet, device or address.

Spec: 30-server-api.md
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from billfold_server.blobs.counters import BlobCounters
from billfold_server.committer import CommitReport
from billfold_server.delivery import Counters

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_DURATIONS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_COUNTER_TEXTS = {
    "entries_taken": "Feed entries taken.",
    "entries_sent": "Feed entries sent to devices.",
    "entries_refused": "Feed and membership entries refused.",
    "members_appended": "Membership entries appended.",
    "snapshots_taken": "Snapshots taken.",
    "snapshots_objected": "Snapshots dropped because a member objected.",
    "entries_pruned": "Feed entries pruned that an endorsed snapshot covers.",
    "wallets_registered": "Wallets registered.",
    "protocol_errors": "Connections ended because the peer broke the protocol.",
    "commits": "Durable groups of writes.",
    "blob_chunks_taken": "Chunks of blobs taken.",
    "blob_chunks_sent": "Chunks of blobs sent to devices.",
    "blobs_finished": "Blobs that became whole.",
    "blobs_refused": "Requests about blobs that were refused.",
    "blobs_collected": "Blobs removed because nobody held them any more.",
}


class Metrics:
    """Collects and shows the numbers of one server."""

    def __init__(
        self,
        counters: Sequence[Counters | BlobCounters],
        gauges: Mapping[str, tuple[str, Callable[[], float]]],
    ) -> None:
        """Begin.

        Args:
            counters: what the parts have done; read when the numbers are asked for.
            gauges: by name, a description and the way to the value.
        """
        self._registry = CollectorRegistry()
        self._registry.register(_Live(counters, gauges))
        self._durations = Histogram(
            "billfold_commit_duration_seconds",
            "Time until a group of writes was durable.",
            buckets=_DURATIONS_S,
            registry=self._registry,
        )
        self._sizes = Histogram(
            "billfold_commit_writes",
            "Writes in one group.",
            buckets=_SIZES,
            registry=self._registry,
        )

    def note_commit(self, report: CommitReport) -> None:
        """Count one durable group."""
        self._durations.observe(report.duration_s)
        self._sizes.observe(report.writes_count)

    def text(self) -> bytes:
        """Return all numbers in the text format.

        Raises:
            StoreError: the store is closed.
        """
        return generate_latest(self._registry)


class _Live(Collector):
    """Reads values when they are asked for."""

    def __init__(
        self,
        counters: Sequence[Counters | BlobCounters],
        gauges: Mapping[str, tuple[str, Callable[[], float]]],
    ) -> None:
        self._counters = counters
        self._gauges = gauges

    def describe(self) -> Iterable[Metric]:
        """Return nothing: values that are read late cannot be read at registration."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the values as they are now."""
        for counters in self._counters:
            for name, value in asdict(counters).items():
                yield CounterMetricFamily(f"billfold_{name}", _COUNTER_TEXTS[name], value=value)
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(f"billfold_{name}", text, value=read())
