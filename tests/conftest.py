import atexit
import gc
import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase as ExampleDatabase

from tests.support.examples import FUZZES, examples

# A property is bounded by its number of examples; the time of one says nothing on a busy machine.
settings.register_profile(
    "billfold",
    deadline=None,
    max_examples=examples(25),
    # The default run is the same every time; a campaign looks elsewhere each time.
    derandomize=not FUZZES,
    database=ExampleDatabase("build/examples") if FUZZES else None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("billfold")

# Device tokens lie outside the wallets' folders; those of tests lie with no others.
_state = tempfile.mkdtemp(prefix="billfold-state-")
atexit.register(shutil.rmtree, _state, ignore_errors=True)
os.environ["XDG_STATE_HOME"] = _state


def pytest_collection_finish() -> None:
    """Keep what collecting made out of every later garbage collection: it stays to the end."""
    gc.collect()
    gc.freeze()
