"""Commands that bring records in and out: import, export.

Spec: 40-wallet-document.md
"""

import asyncio
from dataclasses import asdict

from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.exporting import ExportFormat, export_as
from billfold.importers import read_import
from billfold.importing import import_report
from billfold_protocol.errors import InputError, Malformed


async def import_file(session: Session, arguments: Arguments) -> Answer:
    """Import one file, which is the command's attachment.

    Raises:
        InputError: the file is none that can be imported.
        LimitExceeded: the file is larger, longer or more deeply nested than an import may be.
        UnlockFailed: the file is sealed, and the password is wrong.
        UpdateNeeded: it is an export of a newer version.
        AccessError, StoreError: the wallet cannot be changed; whole batches before are kept.
    """
    name = arguments.text("name")
    try:
        # Parsing a large file takes seconds, in which a running `watch` has other things to do.
        report = await asyncio.to_thread(
            read_import, session.attachment, name=name, password=arguments.optional_text("password")
        )
    except Malformed as error:
        raise InputError(str(error)) from error
    result = await import_report(
        session.wallet, report, lambda done, total: session.progress("import", done, total)
    )
    return Answer(
        result={
            "file": name,
            "format": result.format,
            "added": list(result.added),
            "updated": list(result.updated),
            "unchanged": list(result.unchanged),
            "kept": [asdict(item) for item in result.kept],
            "unmapped": [asdict(item) for item in result.unmapped],
            "refused": [asdict(item) for item in result.refused],
        }
    )


async def export(session: Session, arguments: Arguments) -> Answer:
    """Give all records in a format as the answer's attachment; the answer lists what is not in it.

    Raises:
        InputError: a record cannot be written, or a format that is sealed got no password.
    """
    export_format = ExportFormat(arguments.optional_text("format") or "billfold")
    written = export_as(
        session.wallet,
        export_format,
        arguments.optional_text("type"),
        is_unsent=arguments.flag("unsent"),
        password=arguments.optional_text("password"),
        is_secret_shown=arguments.flag("show_secrets"),
    )
    result = {
        "size": len(written.data),
        "format": export_format.value,
        "left_out": [asdict(item) for item in written.left_out],
    }
    return Answer(result=result, attachment=written.data)
