"""A run of a network of words, small: documents in, a bundle that goes on from texts out."""

import math
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline, generate, replay
from app.registry import SHIPPED
from app.tasks.complete import start_generation
from app.tasks.generation import SamplingParams
from training.baselines import kneser_ney as ngrams
from training.data.dataset import Dataset, Sample
from training.data.split import Shares
from training.errors import BadData, MissingData
from training.exporting.export import ServableLanguageModel, export
from training.fitting.fit import Schedule
from training.fitting.objectives import NextWordLoss
from training.networks.recurrent.language import WordLSTM
from training.recipes import RECIPES
from training.recipes.recipe import Language
from training.runs.language_model import perplexity, read_documents, train_language_model


def documents(count: int = 40) -> Dataset:
    """Return documents in which every word follows from the one before it, mostly."""
    rng, samples = random.Random(4), []
    words = [
        "we",
        "must",
        "work",
        "together",
        "for",
        "peace",
        "and",
        "for",
        "jobs",
        "today",
        "because",
        "they",
        "will",
        "come",
    ]
    for number in range(count):
        place, text = rng.randrange(len(words)), []
        for _ in range(120):
            text.append(words[place % len(words)])
            place += 1 if rng.random() < 0.9 else rng.randrange(len(words))
        name = f"{number}.txt"
        samples.append(Sample(name, Payload((" ".join(text) + ".").encode(), "text/plain"), ""))
    return Dataset("chains", "tests", "CC0-1.0", samples)


def network() -> WordLSTM:
    return WordLSTM(vocabulary=15, embedding=8, hidden=12, common=6)


RECIPE = Language(
    name="chains",
    description="Goes on with chains of words.",
    load=lambda _: documents(),
    network=network,
    schedule=Schedule(
        epochs=4, batch_size=8, learning_rate=2e-2, ema=0.9, objective=NextWordLoss()
    ),
    vocabulary=15,
    passage=10,
    max_words=16,
    shares=Shares(validation=15, test=15),
    golden="completion",
    baseline=False,
)


@pytest.mark.training
def test_a_run_publishes_a_bundle_that_completes_texts(tmp_path: Path) -> None:
    bundle = read_bundle(train_language_model(RECIPE, None, tmp_path), SHIPPED)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    figures = {figure.name: figure for figure in bundle.manifest.metrics}
    prose = read_documents(RECIPE, None)
    words = sum(map(len, prose.test)) + len(prose.test)  # and the end of each document
    assert figures["perplexity"].samples == words
    assert figures["perplexity"].value < 6  # of 15; a chain of its own has about 2
    payload, params = Payload(b"we must work", "text/plain"), SamplingParams(max_words=3)
    generation = start_generation(pipeline.encoder, payload, params)
    generate(pipeline, pipeline.task, [generation])
    assert generation.text == " together for peace"
    assert b"perplexity" in bundle.files["README.md"]


@pytest.mark.slow
def test_the_perplexity_of_a_graph_is_the_networks() -> None:
    torch.manual_seed(1)
    made, prose = network().eval(), read_documents(RECIPE, None)
    specs = prose.encoder.spec.tensors()
    example = [torch.zeros(2, 3, dtype=torch.int64), torch.tensor([3, 2]), torch.zeros(2, 24)]
    model = export(ServableLanguageModel(made), specs, example)
    lost, count = 0.0, 0
    for words in prose.test:
        stream = torch.tensor([[1, *words, 1]])
        with torch.no_grad():
            lost -= float(made.log_likelihoods(stream[:, :-1], stream[:, 1:]).sum())
        count += len(words) + 1
    measured, same = perplexity(model, prose.test)
    assert same == count
    assert measured == pytest.approx(math.exp(lost / count), rel=1e-4)


def test_documents_stand_in_one_split_each() -> None:
    prose = read_documents(RECIPE, None)
    parts = [
        {sample.name for sample in part}
        for part in (prose.splits.train, prose.splits.validation, prose.splits.test)
    ]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert sum(map(len, parts)) == 40


def test_too_few_words_are_refused() -> None:
    with pytest.raises(BadData, match="1000 wanted"):
        read_documents(replace(RECIPE, vocabulary=1000), None)


def test_a_run_without_kenlm_fails_before_training(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingData, match=r"lmplz and query of KenLM.*kenlm\.sh"):
        train_language_model(replace(RECIPE, baseline=True), None, tmp_path / "models")


@pytest.mark.skipif(shutil.which("lmplz") is None, reason="KenLM is not built here")
def test_kneser_ney_has_a_lower_perplexity_on_a_chain_than_on_noise() -> None:
    rng = np.random.default_rng(0)
    chain = [[(place + start) % 9 for place in range(80)] for start in range(30)]
    noise = rng.integers(0, 9, (30, 80)).tolist()
    followed, count = ngrams.kneser_ney(chain, chain[:5])
    random_, _ = ngrams.kneser_ney(noise, noise[:5])
    assert count == 5 * 81
    assert followed < 1.5 < random_


def test_the_shipped_recipe_has_texts_to_go_on_from() -> None:
    recipe = RECIPES["completion"]
    assert isinstance(recipe, Language)
    assert recipe.network().embed.num_embeddings == recipe.vocabulary
