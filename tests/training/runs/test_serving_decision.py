"""Which new version is held, and what is said of it: the comparison of two small bundles."""

from pathlib import Path

import pytest

from app.bundle import Bundle, publish
from app.bundle.publish import seal
from app.bundle.serving_rule import ServingRule, read_rule, write_rule
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.registry import SHIPPED
from tests.fakes import autoencoder_bundle, image_bundle, plain, seal_bundle, text_bundle
from tests.graphs import image_graph
from training.data.dataset import Sample
from training.data.learnt_samples import LEARNT_SAMPLES, record_samples
from training.runs.serving_decision import Publication, ServingDecision, decide_serving

PIXELS = {"red": (250, 10, 20), "green": (20, 240, 10), "blue": (5, 10, 240)}


def pictures(each: int = 6) -> list[Sample]:
    return [
        Sample(f"{label}{i}.png", Payload(plain((r, g, b + i)), "image/png"), label)
        for label, (r, g, b) in PIXELS.items()
        for i in range(each)
    ]


HELD_OUT = pictures()


def learnt(bundle: Bundle, samples: list[Sample]) -> Bundle:
    """The bundle with the record that it learnt from these samples."""
    files = {**bundle.files, LEARNT_SAMPLES: record_samples(samples)}
    return seal(bundle.manifest.model_copy(update={"files": {}}), files, SHIPPED)


def right(version: int = 1) -> Bundle:
    return learnt(image_bundle(version=version), [])


def wrong(version: int = 1) -> Bundle:
    """A version that names the colour of which there is least."""
    return learnt(image_bundle(version=version, sharpness=-8.0), [])


def changed(bundle: Bundle, **fields: object) -> Bundle:
    return seal(bundle.manifest.model_copy(update={**fields, "files": {}}), bundle.files, SHIPPED)


def decided(
    models: Path, serving: Bundle, candidate: Bundle, samples: list[Sample] = HELD_OUT
) -> ServingDecision:
    publish(serving, models)
    return decide_serving(candidate, 1, Publication(models, held_out=samples))


def test_a_worse_version_is_held_and_the_card_says_how_to_release_it(tmp_path: Path):
    decision = decided(tmp_path, right(), wrong())
    assert decision.reason == (
        "its balanced accuracy, 0.0 %, is lower than that of version 1, 100.0 %, on the same 18 "
        "test samples, by more than one standard error (0.0 points)"
    )
    (section,) = decision.sections(wrong(2).manifest).items()
    assert section[0] == "Compared with version 1"
    assert "On 18 test samples that neither version learnt from." in section[1]
    assert "| balanced accuracy | 100.0 % | 0.0 % |" in section[1]
    assert "| right where the other is wrong | 18 | 0 |" in section[1]
    assert decision.reason in section[1]
    assert "before `thalamus models release colours 2`" in section[1]
    assert "100.0 % of colours/1, 0.0 % now" in decision.line


@pytest.mark.parametrize(("serving", "candidate"), [(wrong(), right()), (right(), right())])
def test_a_version_that_is_as_good_serves(tmp_path: Path, serving: Bundle, candidate: Bundle):
    decision = decided(tmp_path, serving, candidate)
    assert decision.reason is None
    assert "18 test samples" in decision.line
    (text,) = decision.sections(candidate.manifest).values()
    assert "held" not in text


def test_the_same_comparison_says_the_same(tmp_path: Path):
    publish(right(), tmp_path)
    publications = [Publication(tmp_path, held_out=each) for each in (HELD_OUT, HELD_OUT[::-1])]
    one, two = (decide_serving(wrong(), 1, publication) for publication in publications)
    assert one == two


def test_samples_that_the_serving_version_learnt_from_do_not_count(tmp_path: Path):
    samples = pictures(8)
    serving = learnt(image_bundle(), [sample for i, sample in enumerate(samples) if i % 8 < 3])
    assert "on 15 test samples" in decided(tmp_path, serving, right(), samples).line


def test_too_few_new_samples_hold_it(tmp_path: Path):
    decision = decided(tmp_path, learnt(image_bundle(), HELD_OUT[:10]), right())
    assert decision.reason == (
        "8 test samples that neither it nor version 1 learnt from are too few; expected 10 or more"
    )
    assert decision.line == ""
    (text,) = decision.sections(right(2).manifest).values()
    assert decision.reason in text


def test_a_label_without_a_new_sample_holds_it(tmp_path: Path):
    decision = decided(tmp_path, learnt(image_bundle(), HELD_OUT[:6]), right())
    assert decision.reason == (
        "there are no test samples that neither it nor version 1 learnt from of 'red'"
    )


def test_without_a_record_nothing_is_known_to_be_new(tmp_path: Path):
    other_data = image_bundle().manifest.provenance.model_copy(update={"data_sha256": "1" * 64})
    decision = decided(tmp_path, image_bundle(), changed(right(), provenance=other_data))
    assert decision.reason is not None
    assert "version 1 has no record of the samples that it learnt from" in decision.reason


def test_without_a_record_the_same_data_were_split_in_the_same_way(tmp_path: Path):
    assert "18 test samples" in decided(tmp_path, image_bundle(), wrong()).line


def labelled(*labels: str, sharpness: float = 8.0) -> Bundle:
    """A classifier of colours that gives them these names."""
    files = {"model.onnx": image_graph(8, sharpness)}
    cases = {"red.png": (plain(PIXELS["red"]), "image/png")}
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    return seal_bundle("colours", encoder, labels, files, cases)


def test_other_labels_hold_it_and_are_named(tmp_path: Path):
    decision = decided(tmp_path, right(), labelled("red", "green", "a\nb" * 99))
    assert decision.reason is not None
    assert decision.reason.startswith("its labels differ from those of version 1; new: 'a\\nb")
    assert decision.reason.endswith("gone: 'blue'")
    assert len(decision.reason) < 200


def test_the_order_of_the_labels_plays_no_part(tmp_path: Path):
    found = decided(tmp_path, right(), labelled("blue", "green", "red"))
    assert "100.0 % of colours/1, 33.3 % now" in found.line


@pytest.mark.parametrize(
    ("serving", "why"),
    [
        (text_bundle("colours"), "its modality is image, that of version 1 is text"),
        (autoencoder_bundle("colours"), "its task is classify, that of version 1 is reconstruct"),
    ],
)
def test_another_modality_or_task_holds_it(tmp_path: Path, serving: Bundle, why: str):
    assert decided(tmp_path, serving, right()).reason == why


def test_a_damaged_version_cannot_be_compared_with(tmp_path: Path):
    graph = publish(right(), tmp_path) / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    decision = decide_serving(right(2), 1, Publication(tmp_path, held_out=HELD_OUT))
    assert decision.reason == (
        "version 1, which serves, cannot be compared with: colours/1: model.onnx was altered "
        "(its sha256 differs)"
    )


def test_a_damaged_record_cannot_be_compared_with(tmp_path: Path):
    bundle = right()
    damaged = seal(bundle.manifest, {**bundle.files, LEARNT_SAMPLES: b"12345"}, SHIPPED)
    decision = decided(tmp_path, damaged, right())
    assert decision.reason is not None
    assert decision.reason.startswith("version 1, which serves, cannot be compared with: ")


def test_a_reason_fits_into_the_rule(tmp_path: Path):
    labels = [f"a\x07b\u2028\x85 {i} " + "x" * 300 for i in range(3)]
    reason = decided(tmp_path, right(), labelled(*labels)).reason
    assert reason is not None
    write_rule(tmp_path / "colours", ServingRule(held=(2,), reasons={2: reason}))
    assert read_rule(tmp_path / "colours").reasons == {2: reason}


@pytest.mark.parametrize(
    ("publication", "serving"),
    [
        (Publication(Path("nowhere"), held_out=HELD_OUT), None),  # the first version
        (Publication(Path("nowhere"), "always", HELD_OUT), 1),
        (Publication(Path("nowhere")), 1),  # nothing to compare on: another task
    ],
)
def test_nothing_is_compared_and_nothing_said(publication: Publication, serving: int | None):
    decision = decide_serving(wrong(), serving, publication)
    assert decision == ServingDecision()
    assert decision.sections(wrong().manifest) == {}


def test_never_is_held_even_as_the_first_version():
    decision = decide_serving(right(), None, Publication(Path("nowhere"), "never", HELD_OUT))
    assert decision.reason == "it was published with --publish never"
    assert decision.sections(right().manifest) == {
        "Held": "This version was held when it was published: it was published with --publish "
        "never. It does not serve before `thalamus models release colours 1`."
    }
