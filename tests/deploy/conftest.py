"""The Dockerfile's reader lives beside prove.sh, which uses it too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy"))
