"""Lets `python -m billfold` run the command.

Spec: 00-overview.md
"""

from billfold.cli import main

if __name__ == "__main__":
    main()
