"""A plugin that takes one check out of the code before anything imports it.

    BILLFOLD_MUTANT=NAME python -m pytest -p tests.attacks.patched ...

Spec: 02-threat-model.md
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.attacks.mutant import Mutant
from tests.attacks.mutants import find


class PatchedLoader(SourceFileLoader):
    """Loads a module from its source with a mutant's replacement in it."""

    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed source; no compiled file is read or kept."""
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        return self.source_to_code(self._mutant.applied(source).encode(), path)


class PatchingFinder(MetaPathFinder):
    """Finds the one module that a mutant changes."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module with its check removed; nothing for all others."""
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        spec.loader = PatchedLoader(fullname, spec.origin, self._mutant)
        return spec


if name := os.environ.get("BILLFOLD_MUTANT"):
    chosen = find(name)
    assert chosen.module not in sys.modules, "the code to be changed is loaded already"
    sys.meta_path.insert(0, PatchingFinder(chosen))
