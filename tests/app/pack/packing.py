"""The command `thalamus pack` on files in a folder."""

from pathlib import Path

import pytest

from app.bundle import Bundle, read_bundle
from app.cli import main
from app.modalities import Payload
from app.pipeline import Pipeline
from app.registry import SHIPPED
from tests.app.pack.graphs import COLOURS
from tests.media import picture

SIZE = (40, 30)  # of the golden pictures


def golden_answers(pipeline: Pipeline) -> list[str]:
    """Return the labels that a packed classifier gives to pictures of each of the colours."""
    payloads = [Payload(picture(SIZE, colour), "image/png") for colour in COLOURS.values()]
    return [answer.label for answer in pipeline.predict(payloads)]


class Files:
    """Labels and golden pictures in a folder, and the folder `models` to publish to."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.published = folder / "models" / "mine" / "1"
        self.labels = folder / "labels.txt"
        self.labels.write_text("\n".join(COLOURS) + "\n")
        self.golden = [folder / f"{name}.png" for name in COLOURS]
        for path, colour in zip(self.golden, COLOURS.values(), strict=True):
            path.write_bytes(picture(SIZE, colour))

    def pack(self, model: Path | bytes, *options: str, labels: bool = True) -> int:
        """Return the exit status."""
        if isinstance(model, bytes):
            (self.folder / "net.onnx").write_bytes(model)
            model = self.folder / "net.onnx"
        given = ["--labels", str(self.labels)] if labels else []
        golden = ["--golden", *map(str, self.golden)]
        models = ["--models", str(self.folder / "models")]
        arguments = ["--name", "mine", "--size", "8x8", *given, *models, *golden, *options]
        return main(["pack", str(model), *arguments])

    def bundle(self) -> Bundle:
        """Return the bundle that `pack` has published."""
        return read_bundle(self.published, SHIPPED)

    def refusal(self, model: Path | bytes, *options: str, labels: bool = True) -> str:
        """Return the one line that says why nothing is published."""
        assert self.pack(model, *options, labels=labels) == 2
        error = self._capsys.readouterr().err
        assert error.startswith("thalamus: ") and error.count("\n") == 1
        assert "Error" not in error and not (self.folder / "models").exists()
        return error
