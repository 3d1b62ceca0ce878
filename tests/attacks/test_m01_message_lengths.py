import pytest

from billfold_protocol import limits
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.mailing import Correspondence

pytestmark = pytest.mark.attack("M01")

STEP = scaled(small=2357, whole=97)


def test_the_size_of_a_message_tells_one_of_few_sizes() -> None:
    library = Correspondence("library")
    short = {len(library.write("x" * length)) for length in range(1, 13)}
    if len(short) > 2:
        raise Broken("secrets", f"12 lengths show as {len(short)} sizes")
    sizes = {len(library.write("x" * length)) for length in range(1, 58_000, STEP)}
    with named("secrets"):
        assert len(sizes) <= 64
        assert max(sizes) <= limits.MAILBOX_ITEM_SIZE_MAX
        assert {len(library.reply("no")), len(library.reply("yes, with pleasure"))} <= short
    show(f"{len(sizes)} sizes for lengths up to 58,000")
