"""Writing a wallet's records in other programs' formats, and in Billfold's own JSON.

Pure functions from records to bytes; none of the files is encrypted but where it says so. What a
format has no place for is listed, never dropped in silence.

Spec: 43-portability.md
"""

from billfold.exporters.billfold_json import FORMAT, VERSION, export_json
from billfold.exporters.cxf import export_cxf
from billfold.exporters.interface import Export, ExportedRecord, LeftOut, Scalar
from billfold.exporters.ts10 import export_ts10, export_ts10_plain

__all__ = [
    "FORMAT",
    "VERSION",
    "Export",
    "ExportedRecord",
    "LeftOut",
    "Scalar",
    "export_cxf",
    "export_json",
    "export_ts10",
    "export_ts10_plain",
]
