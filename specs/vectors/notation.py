"""How vectors write the values that JSON has no word for.

    nil, true, "text", [..]   as in JSON
    an integer                {"int": "18446744073709551615"}
    bytes                     {"bytes": "00ff"}
    a map                     {"map": [["key", value], ...]}, in any order
    a float                   {"float": "1.5"}, which is outside the subset

Spec: 10-encoding.md
"""

from typing import Any


def describe(value: object) -> object:
    """Return the JSON that stands for a value."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return {"int": str(value)}
        case float():
            return {"float": str(value)}
        case bytes():
            return {"bytes": value.hex()}
        case dict():
            return {"map": [[describe(key), describe(item)] for key, item in value.items()]}
        case list() | tuple():
            return [describe(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no notation")


def read(notation: Any) -> Any:
    """Return the value that a piece of JSON stands for."""
    match notation:
        case {"int": text}:
            return int(text)
        case {"float": text}:
            return float(text)
        case {"bytes": text}:
            return bytes.fromhex(text)
        case {"map": pairs}:
            return {read(key): read(item) for key, item in pairs}
        case list():
            return [read(item) for item in notation]
        case _:
            return notation
