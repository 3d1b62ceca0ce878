"""Names of record types that the SDK itself writes and reads.

Spec: 41-records.md
"""

from typing import Final

CREDENTIAL: Final = "credential"
DEVICE: Final = "device"
LOGIN: Final = "login"
PREFERENCE: Final = "preference"
RELATIONSHIP: Final = "relationship"
