"""Lets `python -m billfold_server` run the server.

Spec: 30-server-api.md
"""

from billfold_server.cli import main

if __name__ == "__main__":
    main()
