"""Blobs on a device: sealed copies in a folder, and their way to and from the server.

    cache ◄── seal ◄── content            cache ──► unseal ──► content
      │                                     ▲
      └──── chunks ────► link ◄──── chunks ─┘

What is in the folder is ciphertext only; the keys are in the records that name the blobs.

Spec: 23-blobs.md
"""

from billfold.blobs.cache import BlobCache
from billfold.blobs.content import Content, Progress, content_of
from billfold.blobs.exchange import BlobExchange
from billfold.blobs.link import BlobAccess, BlobLink
from billfold_protocol.blobs import BlobRef

__all__ = [
    "BlobAccess",
    "BlobCache",
    "BlobExchange",
    "BlobLink",
    "BlobRef",
    "Content",
    "Progress",
    "content_of",
]
