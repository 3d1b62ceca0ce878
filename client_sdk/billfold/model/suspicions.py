"""What in a record a person should look at twice: any member can write it.

A value of another type than its field holds is never refused: every device must end with the same
record. A typed view gives None for it, and it is named here. So is a text that looks like another
one: with characters that are not seen, or that turn what follows round, or with letters of
several alphabets in one word.

Spec: 41-records.md
"""

import re
import unicodedata
from typing import Final

from billfold.document import RecordView
from billfold.model.checking import EXPECTED
from billfold.model.fields import ValueType, is_of
from billfold.model.registry import field_of
from billfold_protocol.errors import Malformed

ALPHABETS: Final = ("ARMENIAN", "CHEROKEE", "CYRILLIC", "GREEK", "LATIN")
"""Those whose letters are taken for one another."""

_WORD = re.compile(r"\w+")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def misfits(view: RecordView) -> dict[str, Malformed]:
    """Return the fields that do not hold what a record of this type has there, in order of name."""
    found: dict[str, Malformed] = {}
    for name, state in sorted(view.fields.items()):
        field = field_of(view.type, name)
        if field is None or state.value is None or is_of(field.value, state.value):
            continue
        found[name] = Malformed(
            f"the field {name!r} of a {view.type} holds {EXPECTED[field.value]}, and this is none"
        )
    return found


def lookalikes(view: RecordView) -> dict[str, str]:
    """Return why a person might take a field's text for another one, in order of name."""
    found: dict[str, str] = {}
    for name, state in sorted(view.fields.items()):
        field = field_of(view.type, name)
        is_shown = field is None or (field.value is ValueType.TEXT and not field.is_secret)
        if not isinstance(state.value, str) or not is_shown:
            continue
        if any(_is_unseen(character) for character in state.value):
            found[name] = f"the field {name!r} has characters that are not seen"
        elif any(mixes_alphabets(word) for word in _WORD.findall(state.value)):
            found[name] = f"the field {name!r} has letters of several alphabets in one word"
    return found


def mixes_alphabets(word: str) -> bool:
    """Tell whether a word has letters of several alphabets that look alike."""
    if word.isascii():
        return False
    names = (unicodedata.name(letter, "") for letter in word if letter.isalpha())
    return len({name.split(" ")[0] for name in names}.intersection(ALPHABETS)) > 1


def _is_unseen(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in _UNSEEN
