"""Values and formats that have broken other parsers are refused, shortly, and not repeated."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from app.api.error_forms import PROBLEM
from app.bundle import read_bundle
from app.bundle.files import CASES, sha256
from app.errors import InvalidBundle, InvalidInput
from app.modalities import Payload
from app.modalities.image.encoder import ImageEncoder
from app.modalities.image.spec import ImageSpec
from app.modalities.text.plain_text import plain_text
from app.pipeline import Pipeline
from app.registry import SHIPPED
from app.telemetry import JsonLines
from tests import fakes, media
from tests.conftest import open_service

ROOT = Path(__file__).resolve().parents[3]
OPENED = {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"}
JSON = {"Content-Type": "application/json"}
DEEP = 100_000
VALUES = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a number of 5,000 digits": b'{"instances": [' + b"9" * 5000 + b"]}",
    "a number of a million digits": b'{"instances": [' + b"9" * 1_000_000 + b"]}",
    "an endless exponent": b'{"instances": [1e' + b"9" * 5000 + b"]}",
    "a fraction": b'{"instances": [0.' + b"1" * 100_000 + b"]}",
    "members by the thousand": b"{%s}" % b",".join(b'"%d": 1' % number for number in range(50_000)),
    "a member twice": b'{"instances": ["a"], "instances": 1}',
    "instances of instances": b'{"instances": [{"instances": ["a"]}]}',
    "NUL": b'{"instances": [{"b64": "\\u0000"}]}',
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", VALUES)
async def test_a_json_value_never_breaks_the_parser(service, name: str) -> None:
    for path in ("/v1/classify", "/v1/models/moods/classify", "/v1/models/moods/complete"):
        answer = await service.post(path, content=VALUES[name], headers=JSON)
        assert 400 <= answer.status_code < 500, answer.text[:200]
        assert answer.headers["content-type"] == PROBLEM
        assert len(answer.content) < 1000


@pytest.mark.anyio
@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e400", "0x10", "١", "NaN"])
async def test_a_number_in_the_query_never_breaks_the_parser(service, number: str) -> None:
    text = {"Content-Type": "text/plain"}
    path = "/v1/models/moods/classify"
    answer = await service.post(path, params={"top_k": number}, content=b"good", headers=text)
    assert answer.status_code == 422
    assert len(answer.content) < 1000


@pytest.mark.parametrize("content", [b"[" * 10**6, b'[{"file":' * 10**5, b"9" * 10**6])
def test_golden_cases_of_any_depth_are_refused(models: Path, content: bytes) -> None:
    folder = models / "moods" / "1"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][CASES] = sha256(content)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / CASES).write_bytes(content)
    with pytest.raises(InvalidBundle, match="not readable"):
        read_bundle(folder, SHIPPED)


@pytest.mark.slow
def test_hashes_of_texts_are_not_predictable() -> None:
    """So no client can send members or fields that collide. An environment could undo that."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    code = "import sys; print(sys.flags.hash_randomization)"
    said = subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True
    )
    assert said.stdout == "1\n"
    for file in ("Dockerfile", "docker-compose.yml", "deploy/kubernetes.yaml", "Makefile"):
        assert "PYTHONHASHSEED" not in (ROOT / file).read_text()


ENTITIES = '<!DOCTYPE a [<!ENTITY b SYSTEM "file://{}"><!ENTITY c "&b;&b;&b;">]>'


def test_xml_is_never_interpreted(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("marmalade")
    declared = ENTITIES.format(tmp_path / "secret")
    said = plain_text(f"{declared}<html><body><p>&b; &c;</p></body></html>")
    assert "marmalade" not in said
    drawn = f'{declared}<svg xmlns="http://www.w3.org/2000/svg"><text>&c;</text></svg>'
    with pytest.raises(InvalidInput, match="got something else"):
        Pipeline(fakes.image_bundle()).predict([Payload(drawn.encode(), "image/svg+xml")])


def test_an_exponential_entity_stays_as_it_was() -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    assert len(plain_text(f"<!DOCTYPE a [{laughs}]><p>&l9;</p>")) < 1000


def other_pictures() -> list[str]:
    Image.init()
    return sorted(set(Image.SAVE) - OPENED - {"MPO"})  # a JPEG with more of them in it


@pytest.mark.filterwarnings("ignore::DeprecationWarning:PIL")
@pytest.mark.parametrize("kind", other_pictures())
def test_pillow_opens_no_other_format(kind: str) -> None:
    file = io.BytesIO()
    for mode in ("RGB", "L", "1", "P", "F"):
        try:
            media.scene().convert(mode).save(file, kind)
            break
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            file = io.BytesIO()
    if not file.getvalue():
        pytest.skip("Pillow cannot write it here")
    encoder = ImageEncoder(ImageSpec(height=8, width=8, channels=3), {})
    with pytest.raises(InvalidInput, match="expected a JPEG, PNG"):
        encoder.encode(Payload(file.getvalue(), "image/x"))


READ = {"WAV", "WAVEX", "FLAC", "OGG", "MP3", "RF64", "W64", "AIFF", "AU", "CAF"}


@pytest.mark.parametrize("kind", sorted(set(soundfile.available_formats()) - READ))
def test_libsndfile_opens_no_other_format(kind: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # one of them writes a second file there
    file = io.BytesIO()
    try:
        soundfile.write(file, np.zeros(800, np.float32), 8000, format=kind)
    except (soundfile.LibsndfileError, ValueError, TypeError):
        pytest.skip("libsndfile cannot write it to memory")
    with pytest.raises(InvalidInput, match=r"expected a (WAV, FLAC|sound, got an IFF)"):
        Pipeline(fakes.audio_bundle()).predict([Payload(file.getvalue(), "audio/x")])


@pytest.mark.anyio
async def test_a_request_writes_one_line_of_ascii(published: Path, monkeypatch) -> None:
    lines = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    monkeypatch.setattr(logging.getLogger("thalamus"), "handlers", [Kept()])
    monkeypatch.setattr(logging.getLogger("thalamus"), "level", logging.INFO)
    hostile = "/%0a%7b%22level%22:%22error%22%7d%0d%1b[2J%c2%9b2K%e2%80%ae%7f%00"
    async with open_service(published) as service:  # of many refusals not all have lines
        lines.clear()
        for method in ("GET", "POST", "DELETE", "X-\x1b"[:2]):
            await service.request(method, hostile, headers={"X-Request-ID": "a b"})
        written = lines[:]
    assert len(written) == 4
    for line in written:
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["event"] == "request"
