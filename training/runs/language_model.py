"""One run of a language model: documents → vocabulary → passages → network → graph → bundle."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app.bundle import Bundle, Measurement
from app.bundle.files import MODEL
from app.bundle.tensors import LOG_PROBABILITIES, NEXT_STATE
from app.modalities import Payload
from app.modalities.words.encoder import WordsEncoder
from app.modalities.words.spec import WordsSpec
from app.pipeline import Pipeline, generate
from app.registry import SHIPPED
from app.runtime.session import Session
from app.tasks.complete import start_generation
from app.tasks.generation import SamplingParams
from training.baselines.kneser_ney import ORDER, kneser_ney, require_kenlm
from training.data.dataset import Dataset, Sample
from training.data.duplicates import deduplicate
from training.data.encode import Examples
from training.data.passages import END_ID, build_vocabulary, passages
from training.data.split import Splits, split
from training.errors import BadData
from training.exporting.card.data import CURVE
from training.exporting.card.figures import draw_curve
from training.exporting.card.render import training_section
from training.exporting.export import ServableLanguageModel, check_parity, export, parity
from training.fitting.curve import History
from training.fitting.fit import fit
from training.fitting.ranks import leads
from training.networks.recurrent.language import WordLSTM
from training.recipes.recipe import GOLDEN, Language
from training.runs.publish import (
    card_data,
    check_destination,
    golden_from_files,
    new_manifest,
    prove_and_publish,
    trained_provenance,
)
from training.runs.serving_decision import Publication, PublishPolicy

_LOG = logging.getLogger(__name__)
_UNKNOWN_ID = 0
_TIMED = 2_000  # words, to measure the speed of generation


@dataclass(frozen=True, slots=True)
class PreparedDocuments:
    """The documents of a data set as word ids, split."""

    dataset: Dataset
    splits: Splits
    encoder: WordsEncoder
    train: list[list[int]]
    validation: list[list[int]]
    test: list[list[int]]


def train_language_model(
    recipe: Language, data: Path | None, models: Path, policy: PublishPolicy = "if-better"
) -> Path | None:
    """Train `recipe`, publish the bundle under `models`, and return its folder.

    policy: whether the version serves at once; it is compared with no other one. Of several ranks
    only the leader publishes; the others return nothing.
    """
    check_destination(models, recipe.name)
    if recipe.baseline:
        require_kenlm()
    documents = read_documents(recipe, data)
    network, history = _trained(recipe, documents)
    if not leads():
        return None
    spec, specs = documents.encoder.spec, documents.encoder.spec.tensors()
    servable = ServableLanguageModel(network.eval())
    tried = _pieces(documents, network)
    arrays, _ = tried.batch([0, 1])
    model = export(servable, specs, [torch.from_numpy(array) for array in arrays])
    difference = check_parity(model, servable, tried, specs)
    metrics = [*_figures(recipe, documents, model), parity(difference, "test", len(tried))]
    for figure in metrics:
        value = f"{figure.value:.6g} on {figure.samples} ({figure.split})"
        _LOG.info("%s: %s", figure.name, value)
    origin = trained_provenance(recipe, documents.dataset, documents.splits.counts())
    fields = {"task": recipe.task, "metrics": tuple(metrics)}
    manifest = new_manifest(recipe, origin, spec, model, **fields)
    words = "".join(f"{word}\n" for word in documents.encoder.vocabulary).encode()
    files = {MODEL: model, CURVE: draw_curve(history), spec.vocabulary: words}
    golden = golden_from_files(GOLDEN / recipe.golden)
    fast = _speed(Pipeline(Bundle(manifest, files, (), SHIPPED)), golden[0].payload)
    card = card_data(recipe, [training_section(history), *_compared(metrics), fast])
    return prove_and_publish(manifest, files, golden, card, Publication(models, policy))


def read_documents(recipe: Language, data: Path | None) -> PreparedDocuments:
    """Load, deduplicate and split documents, and turn words into ids; raise `BadData`."""
    dataset, remarks = deduplicate(recipe.load(data))
    for remark in remarks:
        _LOG.info("%s", remark)
    splits = split(dataset.samples, recipe.shares)
    if not (splits.train and splits.validation and splits.test):
        raise BadData(f"{dataset.name}: too few documents for three splits")
    words = build_vocabulary([_text(sample) for sample in splits.train], recipe.vocabulary)
    if len(words) != recipe.vocabulary:
        raise BadData(f"{dataset.name}: {len(words)} different words, {recipe.vocabulary} wanted")
    state = 2 * recipe.network().hidden
    spec = WordsSpec(max_words=recipe.max_words, state=state)
    files = {spec.vocabulary: "".join(f"{word}\n" for word in words).encode()}
    encoder = WordsEncoder(spec, files)
    numbered = [
        [encoder.ids(_text(sample)) for sample in part]
        for part in (splits.train, splits.validation, splits.test)
    ]
    counts = ", ".join(
        f"{sum(map(len, part))} words of {name}"
        for name, part in zip(splits.counts(), numbered, strict=True)
    )
    _LOG.info("%s: %d documents, %s", dataset.name, len(dataset.samples), counts)
    return PreparedDocuments(dataset, splits, encoder, *numbered)


def perplexity(model: bytes, documents: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Return a graph's perplexity, read word by word, and the number of words and ends in it.

    Every document starts with a state of zeros and `<end>`, and ends with the next `<end>`. A
    batch holds the next word of every document that has one left, and the states go from step to
    step, so this cannot go through `training.exporting.graph`.
    """
    session = Session(model)
    size = next(s.shape[1] for s in session.tensors()[0] if s.name == "state")
    states = np.zeros((len(documents), int(size)), dtype=np.float32)
    streams = sorted(([END_ID, *words, END_ID] for words in documents), key=len, reverse=True)
    total, count = 0.0, 0
    for place in range(len(streams[0]) - 1):
        going = [stream for stream in streams if len(stream) > place + 1]
        feeds: dict[str, np.ndarray] = {
            "tokens": np.asarray([[stream[place]] for stream in going], dtype=np.int64),
            "length": np.ones(len(going), dtype=np.int64),
            "state": states[: len(going)],
        }
        outputs = session.run(feeds)
        states = outputs[NEXT_STATE]
        targets = [stream[place + 1] for stream in going]
        total -= float(outputs[LOG_PROBABILITIES][range(len(going)), targets].sum(dtype=np.float64))
        count += len(going)
    return math.exp(total / count), count


def _trained(recipe: Language, documents: PreparedDocuments) -> tuple[WordLSTM, History]:
    torch.manual_seed(recipe.seed)
    network = recipe.network()
    if recipe.initialise is not None:
        recipe.initialise(network, documents.encoder.vocabulary)
    train = passages(documents.train, documents.splits.train, recipe.passage)
    validation = passages(documents.validation, documents.splits.validation, recipe.passage)
    return network, fit(network, train, validation, recipe.schedule, seed=recipe.seed)


def _pieces(documents: PreparedDocuments, network: WordLSTM) -> Examples:
    """Return pieces of the test documents, of many lengths, each with a random state."""
    rng = np.random.default_rng(0)
    words = [word for document in documents.test for word in document]
    items = []
    for length in rng.integers(1, 40, 33):
        start = int(rng.integers(0, max(1, len(words) - 40)))
        tokens = np.asarray(words[start : start + int(length)], dtype=np.int64)
        state = rng.uniform(-0.9, 0.9, 2 * network.hidden).astype(np.float32)
        items.append({"tokens": tokens, "length": np.asarray(len(tokens)), "state": state})
    return Examples(
        items, np.zeros(len(items), dtype=np.int64), [], documents.encoder.spec.tensors()
    )


def _figures(recipe: Language, documents: PreparedDocuments, model: bytes) -> list[Measurement]:
    value, count = perplexity(model, documents.test)
    unknown = sum(words.count(_UNKNOWN_ID) for words in documents.test)
    unknown_share = unknown / sum(map(len, documents.test))
    figures = [("perplexity", value), ("share of words not in the vocabulary", unknown_share)]
    if recipe.baseline:
        baseline, same = kneser_ney(documents.train, documents.test)
        if same != count:
            raise BadData(f"the baseline was measured on {same} words, the network on {count}")
        figures.insert(1, ("perplexity of the baseline", baseline))
    return [
        Measurement(name=name, value=value, split="test", samples=count) for name, value in figures
    ]


def _compared(metrics: Sequence[Measurement]) -> list[str]:
    known = {figure.name: figure.value for figure in metrics}
    if "perplexity of the baseline" not in known:
        return []
    baseline, network = known["perplexity of the baseline"], known["perplexity"]
    return [
        f"## Baseline\n\nInterpolated modified Kneser-Ney of order {ORDER} (KenLM) on the same "
        f"words, with the same vocabulary and splits: perplexity {baseline:.1f}; the network "
        f"{network:.1f}. Both predict `<unk>` and the end of each document. The network reads word "
        "by word, through the published graph."
    ]


def _speed(pipeline: Pipeline, payload: Payload) -> str:
    """Log the speed of generation, and return the section that says how to measure it.

    Measured in processor time: other processes may use the machine. The card has no number, which
    would differ from run to run.
    """
    generation = start_generation(pipeline.encoder, payload, SamplingParams(max_words=_TIMED))
    started = time.process_time()
    generate(pipeline, pipeline.task, [generation])
    words = _TIMED / (time.process_time() - started)
    _LOG.info("%.0f words a second of one core's time", words)
    return (
        f'## Speed\n\n`thalamus complete models/{pipeline.manifest.name} "We must" --max-words '
        f"{_TIMED}` measures the words per second of one core's time."
    )


def _text(sample: Sample) -> str:
    return sample.payload.data.decode()
