"""The baseline of a language model: interpolated modified Kneser-Ney, by KenLM.

Heafield et al., "Scalable Modified Kneser-Ney Language Model Estimation", ACL 2013. Its programs
`lmplz` and `query` must be on the PATH; `training/kenlm.sh` builds them from the package `kenlm`.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from app.disk import writing_temporary
from training.errors import MissingData, TrainingError

PROGRAMS = ("lmplz", "query")
ORDER = 5
_TOTAL = re.compile(r"Perplexity including OOVs:\s*(\S+)\s.*?Tokens:\s*([0-9]+)", re.DOTALL)

Documents = Sequence[Sequence[int]]  # of word ids


def require_kenlm() -> None:
    """Raise `MissingData` unless KenLM's programs are here."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise MissingData(
            f"{' and '.join(missing)} of KenLM, which the baseline needs, cannot be found; "
            "training/kenlm.sh builds them"
        )


def kneser_ney(train: Documents, test: Documents) -> tuple[float, int]:
    """Return the perplexity of `test` and the number of words that it was measured on.

    A document is a line, so that the model's context reaches over the ends of sentences. The
    perplexity counts the end of each document, not its beginning.
    """
    with writing_temporary("the baseline"), TemporaryDirectory() as folder:
        model = Path(folder) / "model.arpa"
        command = ["lmplz", "-o", str(ORDER), "--discount_fallback", "-S", "1G", "-T", folder]
        model.write_bytes(_run(command, train))
        summary = _run(["query", "-v", "summary", str(model)], test).decode()
    found = _TOTAL.search(summary)
    if found is None or not math.isfinite(float(found[1])):
        raise TrainingError("KenLM's query reported no perplexity")
    return float(found[1]), int(found[2])


def _run(command: Sequence[str], documents: Documents) -> bytes:
    """Write each document as a line of `w<id>`, and return the output of the program."""
    text = "".join(" ".join(f"w{word}" for word in words) + "\n" for words in documents)
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().split("\n")[-1]
        raise TrainingError(f"{command[0]} failed: {reason}")
    return done.stdout
