"""A replica's side of snapshots: making them, beginning with one, judging those of others.

`content` turns a replica into what a snapshot holds and back, `comparison` finds out whether a
snapshot is what it says, `adoption` makes a replica of one, `keeper` does it all, at its `pace`.

Spec: 16-snapshots.md
"""

from billfold.snapshots.keeper import Keeper
from billfold.snapshots.known import KnownSnapshot

__all__ = ["Keeper", "KnownSnapshot"]
