"""`python -m benchmarks fuzz`: mutated files of every kind, given to the encoders for minutes.

Each file must be read or refused, within seconds and within the memory that the encoder stated.
The encoders work in a process of their own, so that a crash or a hang is seen. A file that breaks
a promise is kept, with its name and what happened.
"""

import hashlib
import multiprocessing
import os
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from app.bundle import EncoderSpec
from app.errors import InvalidInput
from app.modalities import Encoder, Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.modalities.tree.spec import TreeSpec
from app.modalities.words.spec import WordsSpec
from benchmarks.inputs import MODELS
from benchmarks.reliability.fuzz_files import KINDS, mutated, whole_files

KEPT = Path("build") / "fuzz"
_SECONDS = 10.0  # of a processor for one file; a hang is twelve times as much by the clock
_HANG, _STARTING = 12 * _SECONDS, 120.0  # for the first files: imports
_TOGETHER = 50  # outcomes that are sent at once
_SLACK = 32 * 2**20  # bytes more than were stated: pages that are touched for the first time
_READ, _REFUSED = "read", "refused"
_REMEDY = re.compile("; |, at character ")  # the position of a mistake says what to correct
_MEDIA = {"image": "image/x", "audio": "audio/x"}


@dataclass(frozen=True)
class Plan:
    """Which file each turn has: the same in every process. files: whole ones by their kind."""

    files: Mapping[str, list[bytes]]
    seed: int

    def kind(self, turn: int) -> str:
        """Return the kind of a turn's file."""
        kinds = list(self.files)
        return kinds[turn % len(kinds)]

    def data(self, turn: int) -> bytes:
        """Return the file of a turn."""
        return mutated(self.files[self.kind(turn)], np.random.default_rng((self.seed, turn)))


def encoders() -> dict[str, list[Encoder]]:
    """Return encoders of every kind, a few of different specs."""
    spam, sentiment = MODELS / "spam/1", MODELS / "sentiment/1"
    files = {"tokenizer.json": (spam / "tokenizer.json").read_bytes()}
    words = {"vocabulary.txt": (sentiment / "vocabulary.txt").read_bytes()}
    specs: dict[str, list[EncoderSpec]] = {
        "image": [
            ImageSpec(height=224, width=224),
            ImageSpec(height=28, width=28, channels=1, fit="pad"),
            ImageSpec(height=64, width=96, fit="stretch", dtype="float32", layout="NCHW"),
        ],
        "audio": [AudioSpec(rate=8_000, samples=8_000), AudioSpec(rate=48_000, samples=960)],
        "text": [TextSpec(max_tokens=256), TextSpec(max_tokens=64, cleaning="verbatim")],
        "tree": [TreeSpec(notation="ptb"), TreeSpec(notation="listops")],
        "words": [WordsSpec(max_words=256, state=8)],
    }
    vocabulary = {"vocabulary.txt": b"<unk>\n<end>\nthe\n"}
    given = {"text": files, "tree": words, "words": vocabulary}
    return {
        kind: [encoder_for(spec, given.get(kind, {})) for spec in specs[kind]] for kind in KINDS
    }


def run(minutes: float, only: list[str], seed: int) -> int:
    """Fuzz for minutes, print what happened, and return how many files broke a promise."""
    files = {kind: whole_files(kind) for kind in KINDS if not only or kind in only}
    plan = Plan(files, seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    faults: list[Path] = []
    for turn, outcome in _outcomes(plan, time.monotonic() + 60 * minutes):
        kind = plan.kind(turn)
        outcomes[kind, outcome if outcome in (_READ, _REFUSED) else "broken"] += 1
        if outcome not in (_READ, _REFUSED):
            faults.append(_kept(kind, plan.data(turn)))
            print(f"{kind}: {outcome}: {faults[-1]}", flush=True)
    for kind in files:
        counts = ", ".join(f"{outcomes[kind, w]:,} {w}" for w in (_READ, _REFUSED, "broken"))
        print(f"{kind}: {counts}")
    return len(faults)


def _kept(kind: str, data: bytes) -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def _outcomes(plan: Plan, end: float) -> Iterator[tuple[int, str]]:
    """Yield the number of each turn and its outcome until the time has come."""
    turn = 0
    while time.monotonic() < end:
        with _child(plan, turn) as child:
            while (found := child.found()) is not None and time.monotonic() < end:
                yield from found
                turn += len(found)
            if found is None:
                turn = child.turn
                yield turn, child.died()
                turn += 1


class _Child:
    """A process with the encoders, which takes turn after turn."""

    def __init__(self, plan: Plan, turn: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe(duplex=False)
        self._turn = context.Value("q", turn)
        self.process = context.Process(target=serve, args=(other, plan, self._turn), daemon=True)
        self.process.start()
        other.close()
        self._patience = _STARTING

    @property
    def turn(self) -> int:
        """The number of the turn that is taken."""
        return int(self._turn.value)

    def found(self) -> list[tuple[int, str]] | None:
        """Return the next outcomes; None if the process crashed or takes no further turn."""
        before = -1
        while self.turn != before:
            before = self.turn
            try:
                if self._pipe.poll(self._patience):
                    found: list[tuple[int, str]] = self._pipe.recv()
                    self._patience = _HANG
                    return found
            except (EOFError, OSError):
                return None
        return None

    def died(self) -> str:
        """Say why there are no further turns."""
        self.process.join(0.5)
        code = self.process.exitcode
        return f"no end within {_HANG:.0f} s" if code is None else f"exit status {code}"


@contextmanager
def _child(plan: Plan, turn: int) -> Iterator[_Child]:
    child = _Child(plan, turn)
    try:
        yield child
    finally:
        child.process.kill()
        child.process.join()


def serve(pipe: Connection, plan: Plan, turn: Any) -> None:
    """Take turn after turn, and say what came of them: in the process of its own.

    turn: the number of the one that is taken, which other processes see.
    """
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes there of every damage
    known, outcomes = encoders(), list[tuple[int, str]]()
    while True:
        kind, data = plan.kind(turn.value), plan.data(turn.value)
        outcome = outcome_of(known[kind], Payload(data, _MEDIA.get(kind, "text/plain")))
        outcomes.append((turn.value, outcome))
        turn.value += 1
        if len(outcomes) == _TOGETHER:
            pipe.send(outcomes)
            outcomes = []


def outcome_of(known: list[Encoder], payload: Payload) -> str:
    """Return `read`, `refused`, or what went wrong."""
    outcome = _REFUSED
    for encoder in known:
        started, stated = time.process_time(), 0
        before, highest = _resident("VmRSS"), _resident("VmHWM")
        try:
            encoder.cost(payload)
            stated = encoder.decode_bytes(payload)
            encoder.encode(payload)
            outcome = _READ
        except InvalidInput as refusal:
            if not _REMEDY.search(str(refusal)):
                return f"a refusal without a remedy: {refusal}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        seconds, peak = time.process_time() - started, _resident("VmHWM")
        if seconds > _SECONDS:
            return f"took {seconds:.1f} s"
        grown = peak - before if peak > highest else 0  # only a new peak is known to be its own
        if grown > stated + _SLACK:
            return f"took {grown >> 20} MiB, and had stated {stated >> 20}"
    return outcome


def _resident(name: str) -> int:
    """Return bytes of memory of this process, now or at the peak; 0 where there is no count."""
    with suppress(OSError, IndexError):
        status = Path("/proc/self/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) * 1024
    return 0
