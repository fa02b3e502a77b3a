"""A graph with external data, PyTorch's default export: its files are files of the bundle."""

import os
from pathlib import Path

import pytest

from app.bundle.publish import seal
from app.cli import main
from app.errors import InvalidBundle
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.serving.loading import LoadOptions, load
from tests.app.pack.graphs import COLOURS, colour_graph, outside
from tests.app.pack.packing import Files, golden_answers


@pytest.fixture
def exported(files: Files) -> Path:
    """A graph beside its data, in a folder of its own."""
    model = colour_graph()
    folder = files.folder / "export"
    folder.mkdir()
    (folder / "net.onnx.data").write_bytes(outside(model, "net.onnx.data"))
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder / "net.onnx"


@pytest.mark.parametrize("where", ["export", "elsewhere"])
def test_the_bundle_holds_its_data_and_needs_no_working_directory(
    where: str, exported: Path, files: Files, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (files.folder / "elsewhere").mkdir()
    monkeypatch.chdir(files.folder / where)
    assert files.pack(exported) == 0
    assert f"published {files.published}" in capsys.readouterr().out
    monkeypatch.chdir(files.folder / "elsewhere")
    (exported.parent / "net.onnx.data").unlink()
    bundle = files.bundle()
    assert "net.onnx.data" in bundle.manifest.files
    assert bundle.manifest.schema_version == 2
    assert golden_answers(Pipeline(bundle)) == list(COLOURS)
    assert replay(bundle, Pipeline(bundle)) == []
    assert main(["verify", str(files.folder / "models")]) == 0
    assert main(["migrate", str(files.folder / "models")]) == 0
    assert main(["verify", str(files.folder / "models")]) == 0


def test_the_service_loads_it(exported: Path, files: Files) -> None:
    assert files.pack(exported) == 0
    model = load(files.published, LoadOptions(device="cpu"))
    assert model.manifest.labels == tuple(COLOURS)


def test_altered_or_missing_data_are_refused(exported: Path, files: Files, capsys) -> None:
    assert files.pack(exported) == 0
    data = files.published / "net.onnx.data"
    content = data.read_bytes()
    data.write_bytes(content[::-1])
    assert main(["verify", str(files.folder / "models")]) == 1
    assert "net.onnx.data was altered" in capsys.readouterr().out
    data.write_bytes(content)
    bundle = files.bundle()
    less = seal(bundle.manifest, {n: c for n, c in bundle.files.items() if n != data.name}, SHIPPED)
    with pytest.raises(InvalidBundle, match=r"weights are in 'net\.onnx\.data', which is missing"):
        Pipeline(less)


def test_data_in_a_folder_below_and_the_links_of_a_download_cache(files: Files) -> None:
    model, blobs = colour_graph(), files.folder / "blobs"
    blobs.mkdir()
    (blobs / "b1").write_bytes(outside(model, "parts/of/w.data"))
    (blobs / "a0").write_bytes(model.SerializeToString())
    snapshot = files.folder / "snapshot"
    (snapshot / "parts" / "of").mkdir(parents=True)
    (snapshot / "net.onnx").symlink_to(blobs / "a0")
    (snapshot / "parts" / "of" / "w.data").symlink_to(blobs / "b1")
    assert files.pack(snapshot / "net.onnx") == 0
    assert golden_answers(Pipeline(files.bundle())) == list(COLOURS)


@pytest.mark.parametrize(
    ("location", "complaint"),
    [
        ("absent.data", "'absent.data', which is missing"),
        ("../w.data", "'../w.data', which is outside the graph's own folder"),
        ("{folder}/w.data", "/w.data', which is outside the graph's own folder"),
        ("link.data", "'link.data' lie in another folder"),
        ("model.onnx", "'model.onnx', a name that a bundle uses"),
        ("golden/cases.json", "'golden/cases.json', a name that a bundle uses"),
        ("weights.png", "'weights.png', a name that a bundle uses"),
        (".w/x.data", "'.w/x.data', a name that a bundle uses for another file or ignores"),
        ("lost+found", "'lost+found', a name that a bundle uses for another file or ignores"),
        ("loop.data", "'loop.data', which is missing"),
        ("a\0b", "which is missing"),
        ("x" * 300, "…', which is missing"),
        ("pipe.data", "'pipe.data', which is missing in"),
    ],
)
def test_other_data_are_refused_by_name(
    location: str, complaint: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder = colour_graph(), files.folder / "export"
    (folder / "golden").mkdir(parents=True)
    data = outside(model, location.format(folder=files.folder))
    for path in (files.folder / "w.data", folder / "model.onnx", folder / "weights.png",
                 folder / "golden" / "cases.json"):  # fmt: skip
        path.write_bytes(data)
    (folder / "loop.data").symlink_to(folder / "loop.data")
    os.mkfifo(folder / "pipe.data")
    (folder / "link.data").symlink_to(files.folder / "w.data")
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    monkeypatch.chdir(folder)
    assert complaint in files.refusal(folder / "net.onnx")
