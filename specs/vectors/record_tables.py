"""The tables of specs/41-records.md and the schemas in specs/wallet-state, made from the model.

Written and checked together with the vectors, by `python -m specs.vectors.generate`.

Spec: 41-records.md
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from billfold.model import COMMON_FIELDS, RECORD_TYPES, Field, RecordType, json_schema, merge_name

SPECS = Path(__file__).parents[1]
PAGE = SPECS / "41-records.md"
SCHEMAS = SPECS / "wallet-state"
BEGIN = "<!-- tables -->\n"
END = "<!-- end of tables -->\n"


def build() -> dict[Path, str]:
    """Return the text of the page and of each schema."""
    before, rest = PAGE.read_text().split(BEGIN)
    files = {PAGE: f"{before}{BEGIN}{_tables()}{END}{rest.split(END)[1]}"}
    for record_type in RECORD_TYPES.values():
        text = json.dumps(json_schema(record_type), indent=1, ensure_ascii=False)
        files[SCHEMAS / f"{record_type.name}.json"] = text + "\n"
    return files


def stale() -> list[str]:
    """Return one line for each file that is not what it would be."""
    files = build()
    found = [
        f"{path.name}: not what the model says"
        for path, text in files.items()
        if not path.exists() or path.read_text() != text
    ]
    others = set(SCHEMAS.glob("*")) - files.keys()
    return found + [f"{path.name}: no record type has this name" for path in sorted(others)]


def write() -> None:
    """Write the page and the schemas."""
    for path, text in build().items():
        path.write_text(text)


def _tables() -> str:
    parts = ["\n### Every type\n\n", _table(COMMON_FIELDS)]
    for record_type in RECORD_TYPES.values():
        parts += [_heading(record_type), _table(record_type.fields.values())]
    return "".join(parts) + "\n"


def _heading(record_type: RecordType) -> str:
    key = record_type.natural_key_fields or "none"
    standard = f" Names from: {record_type.standard}." if record_type.standard else ""
    closed = " Other fields are refused." if record_type.is_closed else ""
    return (
        f"\n### `{record_type.name}`\n\n{record_type.description}{standard} "
        f"Natural key: {key}.{closed}\n\n"
    )


def _table(fields: Iterable[Field[Any]]) -> str:
    rows = ["| field | holds | merges | what it is | standard |", "|---|---|---|---|---|"]
    for field in fields:
        name = f"`{field.name}`" + (" (required)" if field.is_required else "")
        holds = field.value.value + (", secret" if field.is_secret else "")
        holds += ", statement" if field.is_statement else ""
        rows.append(
            f"| {name} | {holds} | {merge_name(field)} | {field.description} | {field.standard} |"
        )
    return "\n".join(rows) + "\n"
