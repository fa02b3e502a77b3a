"""Continuing a text with a small real graph."""

import numpy as np
import pytest

from app.errors import InvalidInput, UnsupportedTask
from app.modalities import Payload
from app.pipeline import Pipeline, generate, replay, stream
from app.registry import SHIPPED
from app.tasks.complete import COMPLETE, CompleteOptions, start_generation
from app.tasks.generation import SamplingParams
from tests.fakes import PROSE, text_bundle, words_bundle


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline(words_bundle())


def continued(pipeline, text, **params):
    generation = start_generation(
        pipeline.encoder, Payload(text.encode(), "text/plain"), SamplingParams(**params)
    )
    generate(pipeline, COMPLETE, [generation])
    return generation


def test_temperature_0_gives_the_most_likely_words(pipeline):
    generation = continued(pipeline, "The day", max_words=8)
    assert [word.word for word in generation.words] == list(PROSE[4:12])
    assert generation.text == " is good, and we are glad."
    assert generation.finish_reason == "length"


def test_generation_stops_at_the_sentence_end(pipeline):
    generation = continued(pipeline, "we are", max_words=50, stop_at_sentence_end=True)
    assert generation.text == " glad."
    assert generation.finish_reason == "sentence"


def test_the_first_of_the_alternatives_is_the_likeliest_word(pipeline):
    for word in continued(pipeline, "the", alternatives=3, max_words=12).words:
        assert word.alternatives[0] == (word.word, word.probability)
        assert [p for _, p in word.alternatives] == sorted(
            (p for _, p in word.alternatives), reverse=True
        )


def test_unknown_words_and_ends_are_never_written(pipeline):
    words = continued(pipeline, "glad", max_words=300, temperature=5.0, alternatives=50).words
    assert {w.word for w in words} <= set(PROSE[2:])
    for word in words:
        assert sum(p for _, p in word.alternatives) == pytest.approx(1)
        assert {name for name, _ in word.alternatives} == set(PROSE[2:])


def test_seed_determines_the_sampled_words(pipeline):
    first, again, other = (
        continued(pipeline, "the day", max_words=40, temperature=1.0, seed=seed).text
        for seed in (7, 7, 8)
    )
    assert first == again != other


def test_sampled_words_follow_their_probabilities(pipeline):
    probabilities = dict(
        continued(pipeline, "the day", alternatives=12, max_words=1).words[0].alternatives
    )
    drawn = [
        continued(pipeline, "the day", max_words=1, temperature=1.0, seed=seed).words[0].word
        for seed in range(400)
    ]
    for word, probability in probabilities.items():
        assert drawn.count(word) / 400 == pytest.approx(probability, abs=0.1)


def test_batched_generations_equal_single_ones(pipeline):
    texts = ("the", "we are glad", "day is good, and we", "unheard-of")
    together = [
        start_generation(
            pipeline.encoder,
            Payload(text.encode(), "text/plain"),
            SamplingParams(max_words=place + 3),
        )
        for place, text in enumerate(texts)
    ]
    generate(pipeline, COMPLETE, together)
    for place, (text, generation) in enumerate(zip(texts, together, strict=True)):
        alone = continued(pipeline, text, max_words=place + 3)
        assert [w.word for w in alone.words] == [w.word for w in generation.words]
        np.testing.assert_allclose(
            [w.probability for w in alone.words],
            [w.probability for w in generation.words],
            atol=1e-6,
        )


def test_stream_equals_generate(pipeline):
    generation = start_generation(
        pipeline.encoder, Payload(b"the day", "text/plain"), SamplingParams()
    )
    words = list(stream(pipeline, COMPLETE, generation))
    assert "".join(word.text for word in words) == continued(pipeline, "the day").text


def test_an_empty_text_is_refused(pipeline):
    with pytest.raises(InvalidInput):
        start_generation(pipeline.encoder, Payload(b" \n", "text/plain"), SamplingParams())


def test_classifier_refuses_completion():
    with pytest.raises(UnsupportedTask, match="does not complete"):
        Pipeline(text_bundle()).predict([Payload(b"the day", "text/plain")], CompleteOptions())


def test_golden_completions_replay_and_differences_are_found():
    bundle = words_bundle()
    assert replay(bundle, Pipeline(bundle)) == []
    case = bundle.golden[0]
    wrong = case.words[2].model_copy(update={"probability": 0.999})
    altered = case.model_copy(update={"words": (*case.words[:2], wrong, *case.words[3:])})
    bundle = type(bundle)(bundle.manifest, bundle.files, (altered, *bundle.golden[1:]), SHIPPED)
    assert "word 3" in str(replay(bundle, Pipeline(bundle))[0])
