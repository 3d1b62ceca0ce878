"""All mutants, row by row.

Spec: 02-threat-model.md
"""

from tests.attacks import (
    catalogue_d,
    catalogue_k,
    catalogue_m,
    catalogue_n,
    catalogue_p,
    catalogue_s,
)
from tests.attacks.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *catalogue_k.MUTANTS,
    *catalogue_d.MUTANTS,
    *catalogue_s.MUTANTS,
    *catalogue_p.MUTANTS,
    *catalogue_m.MUTANTS,
    *catalogue_n.MUTANTS,
)
