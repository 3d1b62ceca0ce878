"""Attachments: files that belong to records, as blobs beside the entries.

    add ──► seal ──► waits ──keeper──► upload ──► hold ──► field of the record, an edit like others
                                                             │
    open ◄── copy here, else fetched from the server ◄───────┘

Spec: 40-wallet-document.md
"""

from billfold.attachments.attachment import ATTACHMENTS, Attachment
from billfold.attachments.attachments import Attachments

__all__ = ["ATTACHMENTS", "Attachment", "Attachments"]
