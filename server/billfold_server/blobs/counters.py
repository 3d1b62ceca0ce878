"""What the blob service has done, for the operator's metrics.

Spec: 30-server-api.md
"""

from dataclasses import dataclass


@dataclass(slots=True)
class BlobCounters:
    """Counts since the start."""

    blob_chunks_taken: int = 0
    blob_chunks_sent: int = 0
    blobs_finished: int = 0
    blobs_refused: int = 0
    blobs_collected: int = 0
