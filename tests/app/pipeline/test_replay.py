from dataclasses import replace

import pytest

from app.errors import ResourceExhausted
from app.pipeline import Pipeline, replay
from tests import fakes

BUNDLES = [
    fakes.image_bundle,
    fakes.text_bundle,
    fakes.audio_bundle,
    fakes.autoencoder_bundle,
    fakes.calibrated_bundle,
]


@pytest.mark.parametrize("make", BUNDLES)
def test_replay_of_an_intact_bundle_finds_no_difference(make) -> None:
    bundle = make()
    assert replay(bundle, Pipeline(bundle)) == []


def test_replay_names_the_case_that_other_weights_change() -> None:
    bundle = fakes.image_bundle()
    other = replace(bundle, files={**bundle.files, "model.onnx": fakes.image_graph(8, 2.0)})
    differences = replay(other, Pipeline(other))
    assert len(differences) == 4, "two cases, alone and in a batch"
    assert str(differences[0]).startswith("golden/red.png: alone: 'red' was published with 0.9")


@pytest.mark.parametrize(("shift", "count"), [(0.004, 0), (0.006, 2)])
def test_replay_uses_the_tolerance_of_the_manifest(shift: float, count: int) -> None:
    bundle = fakes.image_bundle()
    case = bundle.golden[0]
    shifted = {label: p + shift for label, p in case.probabilities.items()}
    golden = (case.model_copy(update={"probabilities": shifted}), *bundle.golden[1:])
    assert len(replay(replace(bundle, golden=golden), Pipeline(bundle))) == count


def test_replay_names_the_number_of_a_reconstruction() -> None:
    bundle = fakes.autoencoder_bundle()
    case = bundle.golden[0]
    assert case.reconstruction_error == pytest.approx(0, abs=1e-6)
    red, *rest = case.embedding
    golden = (case.model_copy(update={"embedding": (red + 0.1, *rest)}), *bundle.golden[1:])
    first = replay(replace(bundle, golden=golden), Pipeline(bundle))[0]
    assert str(first) == (
        "golden/red.png: alone: feature 0 was published with 1.0804, here it is 0.9804"
    )


def test_replay_compares_novelty() -> None:
    bundle = fakes.calibrated_bundle()
    case = bundle.golden[1]
    assert case.novelty > 0.5
    golden = (bundle.golden[0], case.model_copy(update={"novelty": case.novelty - 0.1}))
    first = replay(replace(bundle, golden=golden), Pipeline(bundle))[0]
    assert str(first).startswith("golden/scene.png: alone: novelty was published with")


def test_replay_reports_an_unreadable_case() -> None:
    bundle = fakes.image_bundle()
    broken = replace(bundle, files={**bundle.files, "golden/red.png": b"no picture"})
    assert "something else" in str(replay(broken, Pipeline(bundle))[0])


def test_replay_blames_no_bundle_for_a_lack_of_memory(monkeypatch) -> None:
    bundle = fakes.image_bundle()
    pipeline = Pipeline(bundle)

    def encode(payload: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pipeline.encoder, "encode", encode)
    with pytest.raises(ResourceExhausted):
        replay(bundle, pipeline)
