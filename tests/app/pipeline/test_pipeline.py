from dataclasses import replace

import numpy as np
import pytest

from app.bundle import Registry
from app.errors import DeadlineExceeded, InvalidBundle, InvalidInput, UnsupportedTask
from app.modalities import MODALITIES, Payload
from app.pipeline import InferenceItem, Pipeline, make_items
from app.pipeline.replay import golden_answers
from app.tasks import TASKS
from app.tasks.classify import ClassifyOptions, Prediction
from app.tasks.embed import EmbedOptions
from app.tasks.reconstruct import ReconstructOptions
from tests import fakes, media

TEXTS = ["good", "bad bad good", "the day is a sorry day", "fine " * 30, "awful the"]


def pictures() -> list[Payload]:
    noise = np.random.default_rng(3).integers(0, 256, (5, 3))
    files = [media.picture((9 + n, 20 - n), tuple(map(int, c))) for n, c in enumerate(noise)]
    return [Payload(data, "image/png") for data in files]


def sounds() -> list[Payload]:
    tones = [media.tone(100 * n, seconds=0.1 * n) for n in range(1, 9)]
    return [Payload(media.sound(signal), "audio/wav") for signal in tones]


def texts() -> list[Payload]:
    return [Payload(text.encode(), "text/plain") for text in TEXTS]


CASES = [
    (fakes.image_bundle, pictures()),
    (fakes.audio_bundle, sounds()),
    (fakes.text_bundle, texts()),
]


def same(one: Prediction, other: Prediction) -> None:
    assert [label for label, _ in one.top] == [label for label, _ in other.top]
    assert dict(one.top) == pytest.approx(dict(other.top), abs=1e-5)
    assert one.truncated == other.truncated


@pytest.mark.parametrize(("make", "payloads"), CASES)
def test_batch_gives_the_answers_of_single_items(make, payloads: list[Payload]) -> None:
    pipeline = Pipeline(make())
    together = pipeline.predict(payloads)
    for payload, answer in zip(payloads, together, strict=True):
        same(answer, pipeline.predict([payload])[0])


@pytest.mark.parametrize(("make", "payloads"), CASES)
def test_the_order_of_a_batch_does_not_matter(make, payloads: list[Payload]) -> None:
    pipeline = Pipeline(make())
    forwards, backwards = (
        pipeline.predict(payloads),
        pipeline.predict(payloads[::-1]),
    )
    for one, other in zip(forwards, backwards[::-1], strict=True):
        same(one, other)


def test_padding_does_not_change_the_answer() -> None:
    pipeline = Pipeline(fakes.text_bundle())
    short = texts()[0]
    for mate in texts():
        same(
            pipeline.predict([short, mate])[0],
            pipeline.predict([short])[0],
        )


def test_invalid_item_error_has_its_index() -> None:
    pipeline = Pipeline(fakes.image_bundle())
    good, bad = pictures()[0], Payload(b"no picture", "image/png")
    with pytest.raises(InvalidInput) as caught:
        pipeline.predict([good, good, bad])
    assert caught.value.index == 2
    with pytest.raises(InvalidInput) as caught:
        pipeline.predict([bad])
    assert caught.value.index is None


def test_a_cancelled_item_is_not_encoded() -> None:
    pipeline = Pipeline(fakes.image_bundle())
    one, other = (InferenceItem(picture, ClassifyOptions()) for picture in pictures()[:2])
    one.token.cancelled = True
    spared, answered = pipeline.answer([one, other])
    assert isinstance(spared, DeadlineExceeded)
    assert answered.answer == pipeline.predict([other.payload])[0]


def test_invalid_item_does_not_affect_others() -> None:
    pipeline = Pipeline(fakes.text_bundle())
    texts = [b"good", b"\xff", b"the awful day is bad bad bad", b"sorry", b""]
    payloads = [Payload(text, "text/plain") for text in texts]
    outcomes = pipeline.answer(make_items(payloads, ClassifyOptions()))
    bad = [outcome for outcome in outcomes if isinstance(outcome, InvalidInput)]
    assert [error.index for error in bad] == [1, 4]
    for place in (0, 2, 3):
        assert outcomes[place].answer == pipeline.predict([payloads[place]])[0]


def test_autoencoder_reconstructs_an_item() -> None:
    pipeline = Pipeline(fakes.autoencoder_bundle())
    plain, scene = pictures()[0], Payload(media.saved(media.scene()), "image/png")
    together = pipeline.predict([plain, scene], ReconstructOptions())
    for payload, answer in zip([plain, scene], together, strict=True):
        pixels = pipeline.encoder.encode(payload).arrays["image"].astype(np.float64)
        mean = pixels.mean(axis=(0, 1))
        assert answer.embedding == pytest.approx(tuple(mean / 255), abs=1e-5)
        assert np.abs(answer.picture - mean).max() <= 0.51
        assert answer.error == pytest.approx((((pixels - mean) / 255) ** 2).sum(), abs=1e-4)
        assert answer.novelty == pytest.approx(np.tanh(answer.error), abs=1e-5)
    assert pipeline.predict([plain], EmbedOptions()) == [pytest.approx(together[0].embedding)]


def test_unsupported_task_is_refused_with_the_supported_ones() -> None:
    with pytest.raises(UnsupportedTask, match=r"not classify; .* to embed or reconstruct"):
        Pipeline(fakes.autoencoder_bundle()).predict(pictures(), ClassifyOptions())
    with pytest.raises(UnsupportedTask, match=r"not reconstruct; .* to classify"):
        Pipeline(fakes.image_bundle()).predict(pictures(), ReconstructOptions())


def test_trees_of_any_size_share_a_batch_and_explain(monkeypatch) -> None:
    pipeline = Pipeline(fakes.tree_bundle())
    payloads = [Payload(text.encode(), "text/plain") for text in (*TEXTS, "(2 (2 the) (2 day))")]
    expected = pipeline.predict(payloads, ClassifyOptions(explain=True))
    items = [InferenceItem(p, ClassifyOptions(explain=i % 2 == 0)) for i, p in enumerate(payloads)]
    runs, run = [], pipeline.run
    monkeypatch.setattr(
        pipeline, "run", lambda items, *how: runs.append(len(items)) or run(items, *how)
    )
    answers = [answered.answer for answered in pipeline.answer(items)]
    assert runs == [len(payloads)]
    for item, answer, explained in zip(items, answers, expected, strict=True):
        same(answer, explained)
        assert answer.explanation == (explained.explanation if item.options.explain else None)
    assert all(explained.explanation for explained in expected)


def test_encoding_in_threads_gives_the_same_answers() -> None:
    one, several = (Pipeline(fakes.image_bundle(), threads=threads) for threads in (1, 3))
    assert several.predict(pictures()) == one.predict(pictures(), ClassifyOptions())


def test_a_graph_of_other_shapes_is_refused() -> None:
    bundle = fakes.image_bundle()
    other = type(bundle)(
        bundle.manifest,
        {**bundle.files, "model.onnx": fakes.image_graph(9)},
        bundle.golden,
        bundle.registry,
    )
    with pytest.raises(InvalidBundle, match="the manifest says"):
        Pipeline(other)


def test_items_of_different_lengths_run_in_groups(monkeypatch) -> None:
    """Traffic and golden cases take the same path, groups included."""
    pipeline = Pipeline(fakes.text_bundle())
    long = b" ".join([b"day"] * 16)
    payloads = [Payload(text, "text/plain") for text in (b"good", long, b"bad", long)]
    runs, run = [], pipeline.run
    monkeypatch.setattr(
        pipeline, "run", lambda items, *how: runs.append(len(items)) or run(items, *how)
    )
    for answers in (pipeline.predict(payloads), golden_answers(pipeline, payloads)):
        assert [a.label for a in answers] == ["glad", answers[1].label, "sad", answers[1].label]
    assert runs == [2, 2, 2, 2]


def test_an_item_is_explained_wherever_it_stands_in_the_batch() -> None:
    pipeline = Pipeline(fakes.explained(fakes.text_bundle()))
    options = (ClassifyOptions(), ClassifyOptions(explain=True))
    items = [InferenceItem(Payload(b"good", "text/plain"), each) for each in options]
    plain, explained = (result.answer.explanation for result in pipeline.answer(items))
    assert plain is None and explained


def test_an_answer_that_cannot_be_decoded_fails_alone() -> None:
    bundle = fakes.image_bundle()
    decode = TASKS["classify"].decoder

    def picky(manifest, modality):
        real = decode(manifest, modality)

        def one(encoded, outputs, options):
            if outputs["probabilities"].argmax() == 1:
                raise InvalidInput("green is not decoded")
            return real(encoded, outputs, options)

        return one

    tasks = {**TASKS, "classify": replace(TASKS["classify"], decoder=picky)}
    pipeline = Pipeline(replace(bundle, registry=Registry(tasks, MODALITIES)))
    colours = ((250, 0, 0), (0, 250, 0), (0, 0, 250))
    payloads = [Payload(media.picture(colour=colour), "image/png") for colour in colours]
    red, green, blue = pipeline.answer(make_items(payloads, ClassifyOptions()))
    assert (red.answer.label, blue.answer.label) == ("red", "blue")
    assert isinstance(green, InvalidInput) and green.index == 1
