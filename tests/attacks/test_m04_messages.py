import pytest

from billfold_protocol.errors import BillfoldError
from tests.support.adversaries.findings import Broken, show
from tests.support.adversaries.mailing import Correspondence

pytestmark = pytest.mark.attack("M04")

SIZES = (300, 3_000, 30_000)


def test_a_message_that_repeats_itself_is_as_large_as_one_that_does_not() -> None:
    library, sizes = Correspondence("library"), list[int]()
    for size in SIZES:
        varied = "".join(chr(0x21 + (n * n * 7 + n // 3) % 90) for n in range(size))
        varied = varied.replace('"', "x").replace("\\", "y")
        both = {len(library.write(text)) for text in ("a" * size, varied)}
        if len(both) > 1:
            raise Broken("secrets", f"{size} letters show as {sorted(both)} bytes")
        sizes += both
    try:
        library.read(library.write("a" * 300))
    except BillfoldError as error:
        raise Broken("kept", error) from error
    show(f"{sizes} bytes")
