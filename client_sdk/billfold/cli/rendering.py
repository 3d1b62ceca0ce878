"""What the results of commands look like to a person.

Spec: 00-overview.md
"""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from billfold.cli.credential_view import show_credential
from billfold.cli.meaning_view import MEANING_RENDERERS
from billfold.cli.moving_view import show_home, show_moved, status_note
from billfold.cli.rendering_channels import show_answer, show_channel, show_channels, show_messages
from billfold.cli.terminal import Terminal
from billfold.cli.transfer_view import show_export, show_import
from billfold.cli.wire import JsonObject
from billfold.cli.wording import HIDDEN, time_text, use_text, value_text


def render(command: str, result: JsonObject, terminal: Terminal) -> None:
    """Write a command's result."""
    show = _RENDERERS.get(command)
    if show is not None:
        show(result, terminal)


def _name(result: Mapping[str, Any]) -> str:
    return f"{result['id']}  {result['type']}:{result['label']}"


def _show_added(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(_name(result) + ("" if result["is_changed"] else "  (it was there)"))


def _show_edited(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(_name(result) + ("" if result["is_changed"] else "  (nothing changed)"))


def _show_record(result: JsonObject, terminal: Terminal) -> None:
    if "field" in result:
        value = result["value"]
        text = "\n".join(value) if isinstance(value, list) else value_text(value)
        terminal.line(text)
        return
    rows = [[name, value_text(value)] for name, value in result["fields"].items()]
    rows += [[name, HIDDEN] for name in result["hidden"]]
    terminal.line(_name(result) + ("  (in the trash)" if result["is_trashed"] else ""))
    terminal.table(["field", "value"], sorted(rows))
    if result["tags"]:
        terminal.line(f"tags: {', '.join(result['tags'])}")
    if result["attachments"]:
        terminal.line(f"attachments: {', '.join(result['attachments'])}")
    if result["notes"]:
        terminal.line(f"notes: {result['notes']}")
    for name, values in result["conflicts"].items():
        _show_values(name, values, terminal)
    for warning in result["warnings"]:
        terminal.note(f"Look twice: {warning}.")


def _show_records(result: JsonObject, terminal: Terminal) -> None:
    rows = [
        [
            record["id"],
            record["type"] or "",
            record["label"],
            ", ".join(record["tags"]),
            f"conflict: {', '.join(record['conflicts'])}" if record["conflicts"] else "",
        ]
        for record in result["records"]
    ]
    terminal.table(["id", "type", "label", "tags", ""], rows)


def _show_values(field: str, values: list[JsonObject], terminal: Terminal) -> None:
    terminal.line(f"{field} is in conflict:")
    rows = [
        [
            str(value["choice"]),
            HIDDEN if value["is_hidden"] else value_text(value["value"]),
            value["device"] or "",
            time_text(value["time_ms"]),
        ]
        for value in values
    ]
    terminal.table(["", "value", "device", "time"], rows)


def _show_conflicts(result: JsonObject, terminal: Terminal) -> None:
    if not result["conflicts"]:
        terminal.note("No conflicts.")
    for conflict in result["conflicts"]:
        terminal.line(_name(conflict))
        _show_values(conflict["field"], conflict["values"], terminal)


def _show_history(result: JsonObject, terminal: Terminal) -> None:
    rows = [
        [
            item["field"],
            "(removed)"
            if item["is_removal"]
            else HIDDEN
            if item["is_hidden"]
            else value_text(item["value"]),
            item["device"] or "",
            time_text(item["time_ms"]),
            "now" if item["is_current"] else "",
        ]
        for item in result["items"]
    ]
    terminal.table(["field", "value", "device", "time", ""], rows)


def _show_field(result: JsonObject, terminal: Terminal) -> None:
    value = HIDDEN if result["is_hidden"] else value_text(result["value"])
    terminal.line(f"{result['label']}: {result['field']} = {value}")


def _show_devices(result: JsonObject, terminal: Terminal) -> None:
    rows = [
        [
            device["id"][:8],
            device["name"]
            + (" (this device)" if device["is_this"] else "")
            + (" (two copies of it write!)" if device["is_copied"] else ""),
            "revoked" if device["is_removed"] else device["role"],
            time_text((device["last_heard_s"] or 0) * 1000),
        ]
        for device in result["devices"]
    ]
    terminal.table(["id", "name", "role", "last heard"], rows)
    for device in result["devices"]:
        if device["is_copied"] and not device["is_removed"]:
            terminal.note(
                f"If nobody you trust made the copy of {device['name']}: `billfold replace` on it "
                "gives it new keys and shuts the copy out. Is it lost: `billfold revoke "
                f"{device['name']}`."
            )


def _show_merged(result: JsonObject, terminal: Terminal) -> None:
    if result["event"] == "merged":
        terminal.line("The two histories of this wallet's devices are one now.")
    else:
        terminal.line("There is one history of this wallet's devices, nothing to merge.")


def _show_replaced(result: JsonObject, terminal: Terminal) -> None:
    if result["event"] == "replaced":
        terminal.line(f"{result['name']} has new keys; a copy of the old gets nothing new.")
        _show_what_was_read(result, terminal)
        return
    if result["has_others"]:
        terminal.line("On another of your devices, while this one is online:")
        terminal.line(f"  billfold replace {shlex.quote(result['name'])} {result['code']}")
    terminal.note("Without another device, the recovery words do: billfold replace --words")


def _show_revoked(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"{result['name']} is revoked and gets nothing new.")
    _show_what_was_read(result, terminal)
    if result["is_alone"]:
        terminal.note("This is your only device now: if it is lost, so is the wallet.")


def _show_what_was_read(result: JsonObject, terminal: Terminal) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in result["could_read"].items())
    terminal.line(f"It could read, and may still hold: {counts or 'nothing'}.")
    rows = [
        [
            record["type"],
            record["label"],
            record["id"],
            "have it issued again" if record["is_credential"] else "",
        ]
        for record in result["records"]
    ]
    if rows:
        terminal.table(["type", "label", "id", ""], rows)


def _show_sync(result: JsonObject, terminal: Terminal) -> None:
    if result["is_complete"]:
        terminal.line("In step with the server.")
    elif result["unsynced_count"]:
        terminal.line(f"{result['unsynced_count']} local edits wait for the server.")


def _show_status(result: JsonObject, terminal: Terminal) -> None:
    error = result["last_error"]
    rows = [
        [name.replace("_", " "), value_text(value)]
        for name, value in result.items()
        if name not in {"last_error", "last_heard", "recovery_uses"}
    ]
    rows += [
        [f"last heard: {name}", time_text((time_s or 0) * 1000) or "never"]
        for name, time_s in result["last_heard"].items()
    ]
    rows.append(["last error", "" if error is None else error["message"]])
    terminal.table(["", ""], rows)
    for note in (_RECOVERY_NOTES.get(result["recovery"]), status_note(result)):
        if note is not None:
            terminal.note(note)
    _show_uses(result["recovery_uses"], terminal)


_RECOVERY_NOTES = {
    "none": "There are no recovery words: whoever loses all devices loses this wallet. "
    "`billfold recovery new` makes them.",
    "pending": "The recovery words count once the server has been reached: `billfold sync`.",
}


def _show_uses(uses: list[JsonObject], terminal: Terminal) -> None:
    for use in uses:
        terminal.note(use_text(use))
    if uses:
        terminal.note("`billfold recovery seen` notes that you know of it.")


def _show_recovery(result: JsonObject, terminal: Terminal) -> None:
    match result["event"]:
        case "recovery_shares":
            terminal.line("Any two of these three shares bring the wallet back; one tells nothing.")
            for share in result["shares"]:
                terminal.line(f"  {share}")
        case "recovery_revoked" if result["is_gone"]:
            terminal.line("These recovery words are no good any more; `billfold recovery new`.")
        case "recovery_revoked":
            terminal.line("This device agrees. Run the same on another device of the wallet.")
        case "recovery_kit":
            terminal.line(f"The recovery kit is in {result['file']}.")
        case _:
            if result["is_ready"]:
                terminal.line("Recovery words bring this wallet back when all devices are lost.")
            else:
                terminal.line(_RECOVERY_NOTES[result["state"]])
            _show_uses(result["uses"], terminal)


def _show_recovered(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"The wallet is in {result['folder']}: {result['records_count']} records.")
    if result["doubt"] is not None:
        terminal.note(f"Warning: {result['doubt']['message']}")
    for revoked in result["revoked"]:
        _show_revoked(revoked, terminal)
    for failed in result["not_revoked"]:
        terminal.note(f"{failed['device']} was not revoked: {failed['error']['message']}")
    if result["devices"] and not result["revoked"]:
        names = ", ".join(device["name"] for device in result["devices"])
        terminal.note(f"If one of these was lost, `billfold revoke` removes it: {names}.")


def _show_checks(result: JsonObject, terminal: Terminal) -> None:
    for check in result["checks"]:
        terminal.line(f"{'ok  ' if check['is_ok'] else 'BAD '}{check['name']}: {check['message']}")


def _show_proofs(result: JsonObject, terminal: Terminal) -> None:
    if not result["findings"]:
        terminal.note("Nothing was found against the server or a device.")
    for finding in result["findings"]:
        where = finding["file"] or ("can be proven" if finding["is_proven"] else "no proof")
        terminal.line(f"{time_text(finding['found_s'] * 1000)}  {finding['kind']}  ({where})")
        terminal.line(f"  {finding['message']}")


def _show_proven(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"Proven: {result['kind']}, of the wallet {result['wallet_id']}.")
    terminal.line(result["text"])
    if result["server_key"] is not None:
        terminal.line(f"The server's key: {result['server_key']}")
    for device in result["devices"]:
        terminal.line(f"A device: {device}")


def _show_linked(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"{result['name']} is linked (fingerprint {result['fingerprint']}).")


def _show_renamed(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"The device is called {result['name']} now.")


def _show_made(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"The wallet is in {result['folder']}.")
    if not result.get("is_synced", True):
        terminal.note("It is not in step with its server yet; `billfold sync` tries again.")


def _show_attached(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"{result['id']}  {result['name']}  {result['size']:,} bytes")
    if result["is_pending"]:
        terminal.note("It is safe here and goes to the server with a later command.")


def _show_attachments(result: JsonObject, terminal: Terminal) -> None:
    rows = [
        [
            one["id"],
            one["name"],
            f"{one['size']:,}",
            one["media_type"],
            time_text(one["time_ms"]),
            "waits for the server" if one["is_pending"] else "",
        ]
        for one in result["attachments"]
    ]
    terminal.table(["id", "name", "bytes", "type", "time", ""], rows)


def _show_detached(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"{result['name']} is detached.")


def _show_fetched(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"{result['name']} is in {result['path']}.")


def _show_lock(result: JsonObject, terminal: Terminal) -> None:
    terminal.line("Locked." if result["was_open"] else "The wallet was not open.")


def _show_passphrase(result: JsonObject, terminal: Terminal) -> None:
    terminal.line(f"The wallet in {result['folder']} opens with the new passphrase.")
    terminal.note("Older copies of its folder still open with the old one.")


def _show_watched(result: JsonObject, terminal: Terminal) -> None:
    terminal.line("Locked." if result["event"] == "locked" else "")


_RENDERERS: dict[str, Callable[[JsonObject, Terminal], None]] = {
    **MEANING_RENDERERS,
    "add": _show_added,
    "answer": show_answer,
    "attach": _show_attached,
    "attachments": _show_attachments,
    "channel": show_channel,
    "channels": show_channels,
    "conflicts": _show_conflicts,
    "credential": show_credential,
    "detach": _show_detached,
    "devices": _show_devices,
    "doctor": _show_checks,
    "fetch": _show_fetched,
    "get": _show_record,
    "history": _show_history,
    "export": show_export,
    "home": show_home,
    "import": show_import,
    "init": _show_made,
    "join": _show_made,
    "link": _show_linked,
    "lock": _show_lock,
    "ls": _show_records,
    "passphrase": _show_passphrase,
    "merge": _show_merged,
    "move": show_moved,
    "messages": show_messages,
    "proofs": _show_proofs,
    "recover": _show_recovered,
    "recovery": _show_recovery,
    "rename-device": _show_renamed,
    "replace": _show_replaced,
    "resolve": _show_field,
    "restore": _show_edited,
    "revoke": _show_revoked,
    "rm": _show_edited,
    "set": _show_edited,
    "status": _show_status,
    "sync": _show_sync,
    "tag": _show_edited,
    "undo": _show_field,
    "verify-proof": _show_proven,
    "watch": _show_watched,
}
