"""The printed recovery kit: one self-contained page that asks nothing of the network.

Spec: 24-recovery.md
"""

import html
import io
import re

import segno

from billfold.recovery_words import WORDS_COUNT
from billfold_protocol.errors import RecoveryRefused
from billfold_protocol.recovery import URI_PREFIX, RecoveryKit

KIT_SIZE_MAX = 1024 * 1024
"""Bytes of a file that is read as a kit."""

_CODE = re.compile(re.escape(URI_PREFIX) + r"[A-Za-z0-9_-]+")

_STYLE = """
@page { size: A4; margin: 14mm }
* { box-sizing: border-box }
body { font: 11pt/1.4 system-ui, sans-serif; color: #000; background: #fff; max-width: 180mm;
  margin: 0 auto; padding: 4mm }
h1 { font-size: 18pt; margin: 0 0 2mm }
p { margin: 0 0 3mm }
ol { display: grid; grid-template-columns: repeat(4, 1fr); gap: 2mm 4mm; padding: 4mm 4mm 4mm 10mm;
  margin: 0 0 4mm; border: .4mm solid #000; border-radius: 2mm }
ol li { font: 12pt/1.5 ui-monospace, monospace; padding-left: 1mm; border-bottom: .2mm dotted #777 }
.facts { display: grid; grid-template-columns: 62mm 1fr; gap: 5mm; align-items: start }
.facts svg { width: 62mm; height: 62mm }
dt { font-weight: 600; font-size: 9pt }
dd { margin: 0 0 2mm; font: 9pt/1.35 ui-monospace, monospace; overflow-wrap: anywhere }
.code { font: 7pt/1.3 ui-monospace, monospace; overflow-wrap: anywhere }
"""


def render_kit(kit: RecoveryKit, words: str | None, *, made_on: str) -> str:
    """Return the kit as one HTML page, for printing.

    Args:
        kit: what it says; with the seed in it, its code alone brings the wallet back.
        words: the recovery words; lines to write them on by hand if None.
        made_on: the day, for the person.
    """
    written = [""] * WORDS_COUNT if words is None else words.split()
    items = "".join(f"<li>{html.escape(word)}</li>" for word in written)
    facts = {
        "Wallet": kit.wallet_id.hex(),
        "Server": kit.address,
        "Server's key": kit.server_key.hex(),
        "The wallet as of this kit": (
            f"devices list {kit.k}, {kit.hash.hex()[:32]}; "
            f"arrival {kit.n}, heads {kit.vector_hash.hex()[:32]}"
        ),
        "Made on": made_on,
    }
    listed = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        for name, value in facts.items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><title>Recovery kit</title>
<style>{_STYLE}</style></head><body>
<h1>Recovery kit</h1>
<p>Whoever has these words can read and change the whole wallet. Print this page, keep it where you
keep your passport, and delete the file. If you lose all your devices, install Billfold on a new one
and run <b>billfold recover --kit FILE</b> with this page or its code, or
<b>billfold recover --server {html.escape(kit.address)}</b> and type the words.</p>
<ol>{items}</ol>
<div class="facts">{_qr(kit.uri())}<dl>{listed}</dl></div>
<p class="code">{html.escape(kit.uri())}</p>
</body></html>
"""


def read_kit(text: str) -> RecoveryKit:
    """Read a kit: its page, or the text of its QR code.

    Raises:
        RecoveryRefused: there is no kit in it, or a damaged one, or two different ones.
    """
    codes = set(_CODE.findall(text))
    if len(codes) != 1:
        raise RecoveryRefused("this is not a recovery kit: it has no recovery code in it")
    return RecoveryKit.parse(codes.pop())


def _qr(text: str) -> str:
    """Return the code as SVG that stands in the page."""
    image = io.BytesIO()
    segno.make(text, error="m").save(image, kind="svg", xmldecl=False, svgns=False, omitsize=True)
    return image.getvalue().decode()
