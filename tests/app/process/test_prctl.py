import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is a call of Linux")


@pytest.mark.slow
def test_a_process_has_the_name_that_it_was_given() -> None:
    program = (
        "from pathlib import Path; from app.process.prctl import name_process; "
        "name_process('thalamus-test'); print(Path('/proc/self/comm').read_text())"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "thalamus-test"
