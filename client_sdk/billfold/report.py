"""The wallet as one page that a person reads or prints: every record, in sections by type.

One HTML file with nothing outside of it: no script, no picture, no request. Secrets are hidden
unless they are asked for; everything from the wallet is escaped.

Spec: 43-portability.md
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Final

from billfold.document import parse_issuer_fact
from billfold.exporters import ExportedRecord, Scalar
from billfold.model import RECORD_TYPES, ValueType, field_of
from billfold.model.labels import LABEL_FIELDS

_HIDDEN: Final = "hidden"

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid; margin-top: 2rem; }
article { break-inside: avoid; margin: 1.5rem 0; }
h3 { margin-bottom: .25rem; }
dl { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .15rem 1rem; margin: 0; }
dt { opacity: .75; overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
em { opacity: .75; }
"""


def report_html(
    records: Iterable[ExportedRecord], *, made_at: int, is_secret_shown: bool = False
) -> bytes:
    """Return the page, UTF-8; the same records give the same bytes.

    Args:
        records: what is on it.
        made_at: the time, in seconds since 1970.
        is_secret_shown: whether passwords, keys and other secrets stand there.
    """
    by_type: dict[str, list[ExportedRecord]] = {name: [] for name in RECORD_TYPES}
    for record in sorted(records, key=lambda one: (_label(one).casefold(), one.id)):
        by_type.setdefault(record.type, []).append(record)
    sections = [
        _section(name, listed, is_secret_shown=is_secret_shown)
        for name, listed in by_type.items()
        if listed
    ]
    count = sum(map(len, by_type.values()))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Billfold: what is in this wallet</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>What is in this wallet</h1>\n<p>{count} records, written on "
        f"{_time(made_at)}.{'' if is_secret_shown else ' Secrets are hidden.'}</p>\n"
        f"{''.join(sections)}</main>\n</body>\n</html>\n"
    )
    return page.encode("utf-8", "replace")


def _section(name: str, records: list[ExportedRecord], *, is_secret_shown: bool) -> str:
    known = RECORD_TYPES.get(name)
    about = f"<p>{escape(known.description)}</p>\n" if known is not None else ""
    articles = "".join(_article(one, is_secret_shown=is_secret_shown) for one in records)
    return f"<section>\n<h2>{escape(name)} ({len(records)})</h2>\n{about}{articles}</section>\n"


def _article(record: ExportedRecord, *, is_secret_shown: bool) -> str:
    rows = []
    for name in sorted(record.fields):
        shown = _shown(record, name, record.fields[name], is_secret_shown=is_secret_shown)
        rows.append(f"<dt>{escape(name)}</dt><dd>{shown}</dd>\n")
        for other in record.conflicts.get(name, ()):
            if other != record.fields[name]:
                value = _shown(record, name, other, is_secret_shown=is_secret_shown)
                rows.append(f"<dt>{escape(name)}</dt><dd><em>set apart:</em> {value}</dd>\n")
    if record.tags:
        rows.append(f"<dt>tags</dt><dd>{escape(', '.join(record.tags))}</dd>\n")
    if record.notes:
        rows.append(f"<dt>notes</dt><dd>{escape(record.notes)}</dd>\n")
    return f"<article>\n<h3>{escape(_label(record))}</h3>\n<dl>\n{''.join(rows)}</dl>\n</article>\n"


def _shown(record: ExportedRecord, name: str, value: Scalar, *, is_secret_shown: bool) -> str:
    field = field_of(record.type, name)
    if not is_secret_shown and (field is None or field.is_secret):
        # Of a field that is not known nobody can say that it is no secret.
        return f"<em>{_HIDDEN}</em>"
    if field is not None and field.value is ValueType.TIME and type(value) is int:
        return _time(value)
    if field is not None and field.value is ValueType.FACT:
        fact = parse_issuer_fact(value)
        if fact is not None:
            return f"{escape(str(fact.value))} <em>(as of {_time(fact.time_s)})</em>"
    match value:
        case bool():
            return "yes" if value else "no"
        case bytes():
            return f"<em>{len(value)} bytes</em>"
        case None:
            return "<em>nothing</em>"
        case _:
            return escape(str(value))


def _label(record: ExportedRecord) -> str:
    texts = (record.fields.get(name) for name in LABEL_FIELDS)
    return next((one for one in texts if isinstance(one, str) and one), record.id[:8])


def _time(seconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return str(seconds)
    return f"{moment:%Y-%m-%d %H:%M} UTC"
