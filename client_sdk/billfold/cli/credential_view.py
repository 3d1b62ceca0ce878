"""What the results of `credential` look like to a person.

Spec: 42-credentials.md
"""

import json
from collections.abc import Mapping
from typing import Any

from billfold.cli.terminal import Terminal
from billfold.cli.wire import JsonObject
from billfold.cli.wording import value_text


def show_credential(result: JsonObject, terminal: Terminal) -> None:
    """Write the result of one action."""
    match result["action"]:
        case "list":
            rows = [
                [one["id"], one["label"], one["issuer"] or "", one["lifecycle"], _remark(one)]
                for one in result["credentials"]
            ]
            terminal.table(["id", "credential", "issuer", "", ""], rows)
        case "show":
            terminal.line(f"{result['id']}  {result['label']}  ({result['lifecycle']})")
            claims = [[name, value_text(value)] for name, value in result["claims"].items()]
            terminal.table(["claim", "value"], sorted(claims))
            for party in sorted(set(result["uses"].values())):
                terminal.line(f"shown to {party}")
            if _remark(result):
                terminal.note(_remark(result))
        case "add":
            terminal.line(f"{result['id']}  {result['label']}  ({result['lifecycle']})")
            if result["why_not_here"]:
                terminal.note(result["why_not_here"])
        case "new-key":
            terminal.line(json.dumps(result["public_key"]))
        case "ask":
            _show_answers(result, terminal)
        case "present":
            terminal.line(json.dumps(result["vp_token"]))
            for note in result["notes"]:
                terminal.note(note)
        case _:
            terminal.line()


def _show_answers(result: JsonObject, terminal: Terminal) -> None:
    for number, option in enumerate(result["options"], start=1):
        for answer in option["answers"]:
            claims = ", ".join(answer["claims"]) or "nothing that can be withheld"
            terminal.line(f"{number}. {answer['query']}: {answer['credential']} shows {claims}")
    for one in result["missing"]:
        terminal.note(one["why"])


def _remark(one: Mapping[str, Any]) -> str:
    remarks = [one["why_not_here"] or ""]
    if one["unused_count"] is not None:
        remarks.append(f"{one['unused_count']} left on this device")
    if one["is_low"]:
        remarks.append("ask its issuer for more")
    if one["linkable"]:
        remarks.append(f"{len(one['linkable'])} reached two parties, who can link them")
    return "; ".join(remark for remark in remarks if remark)
