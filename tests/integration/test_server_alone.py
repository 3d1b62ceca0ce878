import subprocess
import sys

# What `billfold[sdk]` brings and `billfold[server]` does not.
SDK_ONLY = ("automerge", "keyring", "mnemonic", "rich", "segno", "spake2", "sqlcipher3")
SECRET_KEEPERS = (
    "billfold",
    "billfold_protocol.client_session",
    "billfold_protocol.crypto.derivation",
    "billfold_protocol.crypto.passwords",
    "billfold_protocol.crypto.sealing",
    "billfold_protocol.crypto.wrapping",
    "billfold_protocol.envelope",
    "billfold_protocol.key_hierarchy",
    "billfold_protocol.linking",
)

PROGRAM = """
import asyncio, sys
for name in {absent!r}:
    sys.modules[name] = None  # Importing it now fails, as where it is not installed.
from billfold_server.app import Server
from billfold_server.config import Address, ServerConfig

async def main():
    server = Server(ServerConfig(store="memory:", listen=(Address("127.0.0.1", 0),)))
    await server.start()
    await server.stop()

asyncio.run(main())
print(sorted(name for name in {secret!r} if sys.modules.get(name) is not None))
"""


def test_the_server_runs_where_nothing_of_the_sdk_is_installed() -> None:
    # `rich` may be there for typer's help; the server itself must not need it.
    program = PROGRAM.format(absent=SDK_ONLY, secret=SECRET_KEEPERS)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().splitlines()[-1] == "[]"


def test_the_check_notices_a_module_that_can_decrypt() -> None:
    program = PROGRAM.format(absent=(), secret=SECRET_KEEPERS).replace(
        "import asyncio, sys", "import asyncio, sys, billfold_protocol.envelope"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert "billfold_protocol.envelope" in result.stdout
