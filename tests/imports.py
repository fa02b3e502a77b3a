"""Which libraries a program imports, observed in a separate process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = {
    "ray",
    "torch",
    "lightning",
    "onnxruntime",
    "onnx",
    "sklearn",
    "fastapi",
    "uvicorn",
    "matplotlib",
}
_PROGRAM = """
import json, sys
from {module} import main
found = []
for arguments in json.loads(sys.argv[1]):
    main(arguments)
    found += [[arguments, name] for name in {heavy} if name in sys.modules]
sys.stderr.flush()
print(json.dumps(found))
"""


def imported(module: str, lines: Sequence[Sequence[object]]) -> list[object]:
    """Return the heavy libraries that each of the command lines has imported, with the line."""
    program = _PROGRAM.format(module=module, heavy=sorted(HEAVY))
    command = [sys.executable, "-c", program, json.dumps(lines, default=str)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found = json.loads(ended.stdout.splitlines()[-1])
    assert isinstance(found, list)
    return found
