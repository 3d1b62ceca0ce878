"""Write the test vectors, or check that the files hold what would be written.

    python -m specs.vectors.generate            write specs/vectors/*.json, and what the model says
    python -m specs.vectors.generate --check    exit 1, with the differences, if they are stale

Run from the project's root. The same bytes come out each time, but for wraps: HPKE draws its own
randomness, so wraps are taken from `wrapping.json` as long as they open, and made when missing.

Spec: 00-overview.md
"""

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from specs.vectors import (
    cases_blobs,
    cases_changes,
    cases_channels,
    cases_codec,
    cases_credentials,
    cases_cuts,
    cases_document,
    cases_envelope,
    cases_feeds,
    cases_forks,
    cases_handshake,
    cases_hashing,
    cases_keys,
    cases_linking,
    cases_membership,
    cases_messages,
    cases_passwords,
    cases_proofs,
    cases_records,
    cases_recovery,
    cases_sealing,
    cases_shapes,
    cases_signing,
    cases_snapshots,
    cases_statements,
    cases_wrapping,
    record_tables,
    scenarios,
)
from specs.vectors.wallets import KeptWraps, Vector, Wallet

FOLDER = Path(__file__).parent
VERSION = 1
DIFF_LINES_MAX = 60
LINE_WIDTH_MAX = 120


def build_files(folder: Path) -> dict[str, str]:
    """Return the text of each file by its name, with the wraps that the folder holds."""
    kept = KeptWraps(_read_vectors(folder / "wrapping.json"))
    chains = cases_membership.build_chains(kept)
    broken = cases_keys.make_broken_wallet(kept)
    story, base = chains["story"], scenarios.make_base()
    return {
        "codec.json": _file("10-encoding", cases_codec.build()),
        "hashing.json": _file("11-cryptography", cases_hashing.build_hashing()),
        "derivation.json": _file("11-cryptography", cases_hashing.build_derivation()),
        "signing.json": _file("11-cryptography", cases_signing.build()),
        "sealing.json": _file("11-cryptography", cases_sealing.build()),
        "passwords.json": _file("11-cryptography", cases_passwords.build()),
        "membership.json": _file(
            "13-membership",
            [*cases_membership.build(story), *cases_shapes.build(story)],
            chains,
        ),
        "key_hierarchy.json": _file(
            "12-key-hierarchy",
            cases_keys.build(story, broken),
            {"story": story, "broken": broken, "healed": chains["healed"]},
        ),
        "envelope.json": _file("14-change-envelope", cases_envelope.build(story), {"story": story}),
        "feeds.json": _file(
            "15-feeds",
            [*cases_feeds.build(), *cases_cuts.build(), *cases_forks.build()],
            {"base": base},
        ),
        "snapshots.json": _file("16-snapshots", cases_snapshots.build(story), {"story": story}),
        "proofs.json": _file("15-feeds", cases_proofs.build()),
        "statements.json": _file("15-feeds", cases_statements.build()),
        "document.json": _file(
            "40-wallet-document", [*cases_document.build(), *cases_changes.build()]
        ),
        "credentials.json": _file("42-credentials", cases_credentials.build()),
        "records.json": _file("41-records", cases_records.build()),
        "handshake.json": _file("20-handshake", cases_handshake.build()),
        "linking.json": _file("22-linking", cases_linking.build(kept)),
        "blobs.json": _file("23-blobs", cases_blobs.build()),
        "recovery.json": _file("24-recovery", cases_recovery.build(story, kept)),
        "channels.json": _file("26-channels", cases_channels.build(kept)),
        "messages.json": _file("21-sync", cases_messages.build()),
        "wrapping.json": _file("11-cryptography", cases_wrapping.build(kept)),
    }


def differences(folder: Path) -> list[str]:
    """Return what differs between the files of a folder and what would be written, line by line."""
    files = build_files(folder)
    names = sorted(path.name for path in folder.glob("*.json"))
    found = [f"{name}: no case makes this file" for name in names if name not in files]
    for name, text in files.items():
        path = folder / name
        old = path.read_text() if path.exists() else ""
        lines = difflib.unified_diff(
            old.splitlines(), text.splitlines(), f"{name} as it is", f"{name} as made", n=1
        )
        found.extend(_shorten(line) for line in islice(lines, DIFF_LINES_MAX))
    return found


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m specs.vectors.generate")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if parser.parse_args(arguments).check:
        found = [*differences(FOLDER), *record_tables.stale()]
        sys.stdout.writelines(f"{line}\n" for line in found)
        return 1 if found else 0
    for name, text in build_files(FOLDER).items():
        (FOLDER / name).write_text(text)
    record_tables.write()
    return 0


def _file(spec: str, vectors: Iterable[Vector], chains: Mapping[str, Wallet] | None = None) -> str:
    content: dict[str, Any] = {"spec": f"{spec}.md", "version": VERSION}
    if chains is not None:
        content["chains"] = {
            name: [raw.hex() for raw in wallet.chain.raws] for name, wallet in chains.items()
        }
    content["vectors"] = list(vectors)
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def _read_vectors(path: Path) -> list[Vector]:
    if not path.exists():
        return []
    vectors: list[Vector] = json.loads(path.read_text())["vectors"]
    return vectors


def _shorten(line: str) -> str:
    return line if len(line) <= LINE_WIDTH_MAX else f"{line[:LINE_WIDTH_MAX]}… ({len(line)})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
