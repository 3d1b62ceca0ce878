"""How many examples a property gets: few, always the same; more, and others, by `make fuzz`."""

import os

FUZZES = "BILLFOLD_EXAMPLES" in os.environ


def examples(default: int) -> int:
    """Return the number of examples of a property, `default` unless a campaign asks for more."""
    return max(default, int(os.environ.get("BILLFOLD_EXAMPLES", "0")))
