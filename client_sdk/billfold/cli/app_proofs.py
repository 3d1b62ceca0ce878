"""The commands on proofs, as they are typed: list, write and check them.

Spec: 15-feeds.md
"""

import importlib
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold.cli.settings import write_owner_file
from billfold_protocol import limits
from billfold_protocol.errors import InputError, Malformed, NotProven, StoreError
from billfold_protocol.ids import WalletId

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_WALLET_ID = re.compile(r"[0-9a-fA-F]{64}")


@command(app, "proofs", examples=("billfold proofs", "billfold proofs --out ./proofs --json"))
def proofs(
    front: Front,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each proof into this folder, as a file."),
    ] = None,
) -> Answer:
    """List what this device has found against its server or a device, and write the proofs."""
    answer = front.perform("proofs")
    found: list[dict[str, Any]] = answer.result["findings"]
    for number, finding in enumerate(found):
        proof = finding.pop("proof")
        finding["file"] = None
        if out is None or proof is None:
            continue
        try:
            out.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder {out} cannot be made: {error.strerror}") from error
        path = out / f"{number:02}-{finding['kind']}.proof"
        write_owner_file(path, bytes.fromhex(proof))
        finding["file"] = str(path)
    return Answer(result={"findings": found})


@command(
    app,
    "verify-proof",
    examples=(
        "billfold verify-proof 00-ServerRollback.proof",
        "billfold verify-proof 00-ServerRollback.proof --wallet 64-hexadecimal-digits",
    ),
)
def verify_proof(
    front: Front,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
) -> Answer:
    """Check a proof that somebody gave you, with nothing but the file.

    --wallet is here the id of the wallet that it must be about; no wallet is opened.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(limits.PROOF_SIZE_MAX + 1)
    except OSError as error:
        raise InputError(f"the file {file} cannot be read: {error.strerror}") from error
    try:
        check = importlib.import_module("billfold_protocol.proofs").check_proof
        proven = check(data, wallet_id=_wallet_id(front.settings.wallet))
    except Malformed as error:
        raise NotProven(f"the file is no proof: {error}") from error
    return Answer(
        result={
            "kind": proven.kind,
            "wallet_id": proven.wallet_id.hex(),
            "server_key": None if proven.server is None else proven.server.hex(),
            "devices": [device.hex() for device in proven.devices],
            "text": proven.text,
        }
    )


def _wallet_id(given: Path | None) -> WalletId | None:
    """Read the wallet id; a folder, as the environment may name one, says nothing of it.

    Raises:
        InputError: it is neither.
    """
    if given is None or given.is_dir() or len(given.parts) > 1:
        return None
    if not _WALLET_ID.fullmatch(str(given)):
        raise InputError("a wallet id has 64 hexadecimal digits; `billfold status` shows it")
    return WalletId(bytes.fromhex(str(given)))
