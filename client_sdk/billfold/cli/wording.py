"""The words for events, values and times.

Spec: 00-overview.md
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from billfold.cli.wire import JsonObject

HIDDEN: Final = "••••••"
"""What stands for a value that is not shown."""

_SHOWN_MAX: Final = 10


def describe_event(event: JsonObject) -> str:
    """Return a line for an event of `watch` or of linking; empty where nothing needs saying."""
    match event.get("event"):
        case "watching":
            return f"Watching the wallet in {event['folder']}; Ctrl-C ends it."
        case "changed":
            return _describe_change(event)
        case "reloaded":
            return "Much has changed; the wallet was read again."
        case "device_added":
            return f"A device was linked by {event['by']}."
        case "recovery_used":
            return use_text(event)
        case "device_removed" if event["by"] is None:
            return f"{event['device']} was revoked in a history that was merged with this one."
        case "device_removed":
            return f"{event['by']} revoked {event['device']}."
        case "device_replaced":
            return f"{event['device']} has new keys, confirmed by {event['by']}."
        case "this_device_removed":
            return (
                "This device was revoked: it keeps what it holds and gets nothing new. "
                "`billfold export --unsent` writes out what it had not sent."
            )
        case "other_history":
            return _describe_other_history(event)
        case "synced":
            return "In step with the server."
        case "online":
            return "Online."
        case "offline":
            reason = event.get("reason")
            return "Offline." if reason is None else f"Offline: {reason['message']}."
        case "attachment_stored":
            return "The server holds an attachment; the other devices see it now."
        case "warning":
            return f"Warning: {event['error']['message']}"
        case "code" if "code" in event:
            return f"Type this code on the new device: {event['code']}"
        case _:
            return ""


def use_text(use: JsonObject) -> str:
    """Return what somebody did with the recovery words, and what to do if it was not the person."""
    when = time_text(use["time_s"] * 1000) or "at an unknown time"
    what = "changed the membership" if use["linked"] is None else f"linked {use['linked_name']}"
    return (
        f"The recovery words {what} ({when}). If that was not you, revoke it and make new "
        "recovery words."
    )


def value_text(value: Any) -> str:
    """Return a JSON value as a person reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case {"base64": str(text)}:
            return f"base64:{text}"
        case _:
            return str(value)


def time_text(time_ms: int | None) -> str:
    """Return a time, to the minute; empty where it is not known or not plausible."""
    if not time_ms:
        return ""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return ""


def _describe_other_history(event: JsonObject) -> str:
    parts = [
        f"{verb} {', '.join(event[name])}"
        for name, verb in (("added", "lists"), ("removed", "removed"))
        if event[name]
    ]
    text = f"The server's history of this wallet's devices {' and '.join(parts) or 'differs'}."
    if event["contested"]:
        text += f" Removed on one side and active on the other: {', '.join(event['contested'])}."
    return text


def _describe_change(event: Mapping[str, Any]) -> str:
    who = "This device" if event["is_local"] else event["device"] or "Other devices"
    parts = [f"{name} = {value_text(value)}" for name, value in event["fields"].items()]
    parts += [f"{name} = {HIDDEN}" for name in event["hidden"]]
    more = f" and {len(parts) - _SHOWN_MAX} more" if len(parts) > _SHOWN_MAX else ""
    text = f"{who}: {event['type']}:{event['label']}  {', '.join(parts[:_SHOWN_MAX])}{more}"
    if event["conflicts"]:
        text += f"  (in conflict: {', '.join(event['conflicts'])})"
    return text
