"""Every hostile file of `../shared/awkward` is answered or refused, if that folder exists."""

import resource
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from app.errors import ClientError
from app.modalities import Payload
from app.pipeline import Pipeline
from tests import fakes

FOLDER = Path(__file__).parents[4] / "shared" / "awkward"
FILES = sorted(path for path in FOLDER.glob("*") if path.suffix != ".md")
MEDIA = {
    **dict.fromkeys([".jpg", ".png", ".webp", ".gif", ".tif", ".svg"], "image"),
    **dict.fromkeys([".wav", ".flac", ".ogg", ".mp3", ".webm"], "audio"),
}
MOST = 300 * 2**20  # bytes more than before
REFUSED = {
    "cat_truncated50.jpg": "truncated",
    "text_named.jpg": "something else",
    "html_error_page.jpg": "something else",
    "svg_xxe.svg": "SVG",
    "bomb_20000x20000_1bit.png": "megapixels",
    "zero_length.jpg": "0 bytes",
    "zero_length.wav": "0 bytes",
    "zero_length.txt": "got none",
    "speech_nan.wav": "not numbers",
    "no_samples.wav": "without samples",
    "wav_zero_rate.wav": "no sample rate",
    "wav_65535_channels.wav": "channels|damaged",
    "silence_1h_8k.flac": "300 s",
    "invalid_utf8.txt": "byte 0|byte [0-9]+",
    "whitespace_only.txt": "got none",
}
if find_spec("av") is None:
    REFUSED["speech.webm"] = r"WebM.* lacks the extra thalamus\[media\]"
UNDECIDED = {"cat_bitrot.jpg"}


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Pipeline]:
    makers = {"image": fakes.image_bundle, "audio": fakes.audio_bundle, "text": fakes.text_bundle}
    return {kind: Pipeline(make()) for kind, make in makers.items()}


@pytest.mark.skipif(not FILES, reason="../shared/awkward is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hostile_file_is_answered_or_refused_in_bounded_memory(
    path: Path, pipelines: dict[str, Pipeline]
) -> None:
    kind = MEDIA.get(path.suffix, "text")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    payload = Payload(path.read_bytes(), f"{kind}/x")
    if path.name in REFUSED:
        with pytest.raises(ClientError, match=REFUSED[path.name]):
            pipelines[kind].predict([payload])
    else:
        try:
            (answer,) = pipelines[kind].predict([payload])
            assert np.isfinite([probability for _, probability in answer.top]).all()
        except ClientError:
            assert path.name in UNDECIDED
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST
