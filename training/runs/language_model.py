"""One run of a network of words: documents → vocabulary → passages → network → graph → bundle."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app import __version__
from app.bundle import Bundle, Manifest, Measurement, Provenance, WordsSpec
from app.bundle.files import MODEL
from app.bundle.publish import next_version
from app.bundle.tensors import LOG_PROBABILITIES, NEXT_STATE, TensorSpec
from app.modalities import Payload
from app.modalities.words.encoder import WordsEncoder
from app.pipeline import Manner, Pipeline, begin, complete
from app.runtime.session import Session
from training.baselines.kneser_ney import ORDER, kneser_ney, require_kenlm
from training.data.dataset import Dataset, Sample
from training.data.encode import Examples
from training.data.passages import END_ID, build_vocabulary, passages
from training.data.split import Splits, deduplicate, split
from training.errors import BadData
from training.exporting.card import CARD, CURVE, card, cost_section, draw_curve
from training.exporting.export import (
    ServableLanguageModel,
    check_parity,
    export,
    output_specs,
    parity,
)
from training.fitting.curve import History
from training.fitting.fit import fit
from training.fitting.ranks import leads
from training.networks.recurrent.language import WordLSTM
from training.recipes.recipe import GOLDEN, Language
from training.runs.publish import check_folder, golden_from_files, prove_and_publish

_UNKNOWN_ID = 0
_TIMED = 2_000  # words, to see how fast they come


@dataclass(frozen=True, slots=True)
class Prose:
    """The documents of a data set as word ids, split."""

    dataset: Dataset
    splits: Splits
    encoder: WordsEncoder
    train: list[list[int]]
    validation: list[list[int]]
    test: list[list[int]]


def run_language(recipe: Language, data: Path | None, models: Path) -> Path | None:
    """Train `recipe`, publish the bundle under `models`, and return its folder.

    Of several ranks only the leader publishes; the others return nothing.
    """
    check_folder(models)
    if recipe.baseline:
        require_kenlm()
    prose = read(recipe, data)
    network, history = _trained(recipe, prose)
    if not leads():
        return None
    specs = prose.encoder.spec.tensors()
    servable = ServableLanguageModel(network.eval())
    tried = _beginnings(prose, network)
    arrays, _ = tried.batch([0, 1])
    model = export(servable, specs, [torch.from_numpy(array) for array in arrays])
    difference = check_parity(model, servable, tried, specs)
    metrics = [*_figures(recipe, prose, model), parity(difference, "test", len(tried))]
    for figure in metrics:
        print(f"{figure.name}: {figure.value:.6g} on {figure.samples} ({figure.split})")
    manifest = _manifest(recipe, prose, metrics, output_specs(model, specs), models)
    words = "".join(f"{word}\n" for word in prose.encoder.vocabulary).encode()
    files = {MODEL: model, CURVE: draw_curve(history), prose.encoder.spec.vocabulary: words}
    golden = golden_from_files(GOLDEN / recipe.golden)
    fast = _speed(Pipeline(Bundle(manifest, files, ())), golden[0].payload)
    files[CARD] = card(manifest, [cost_section(history), *_compared(metrics), fast], [CURVE])
    return prove_and_publish(manifest, files, golden, models)


def read(recipe: Language, data: Path | None) -> Prose:
    """Load, deduplicate, split and number the words; raise `BadData`."""
    dataset, remarks = deduplicate(recipe.load(data))
    for remark in remarks:
        print(remark)
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
    print(f"{dataset.name}: {len(dataset.samples)} documents, {counts}")
    return Prose(dataset, splits, encoder, *numbered)


def perplexity(model: bytes, documents: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Return a graph's perplexity, read word by word, and of how many words and ends it is.

    Every document begins with a state of zeros and `<end>`, and goes to the next one. All
    documents go side by side, each with its own state.
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


def _trained(recipe: Language, prose: Prose) -> tuple[WordLSTM, History]:
    torch.manual_seed(recipe.seed)
    network = recipe.network()
    if recipe.start is not None:
        recipe.start(network, prose.encoder.vocabulary)
    train = passages(prose.train, prose.splits.train, recipe.passage)
    validation = passages(prose.validation, prose.splits.validation, recipe.passage)
    return network, fit(network, train, validation, recipe.schedule, seed=recipe.seed)


def _beginnings(prose: Prose, network: WordLSTM) -> Examples:
    """Return pieces of the test documents, of many lengths, on from states that are not zero."""
    rng = np.random.default_rng(0)
    words = [word for document in prose.test for word in document]
    items = []
    for length in rng.integers(1, 40, 33):
        begin = int(rng.integers(0, max(1, len(words) - 40)))
        tokens = np.asarray(words[begin : begin + int(length)], dtype=np.int64)
        state = rng.uniform(-0.9, 0.9, 2 * network.hidden).astype(np.float32)
        items.append({"tokens": tokens, "length": np.asarray(len(tokens)), "state": state})
    return Examples(items, np.zeros(len(items), dtype=np.int64), [], prose.encoder.spec.tensors())


def _figures(recipe: Language, prose: Prose, model: bytes) -> list[Measurement]:
    value, count = perplexity(model, prose.test)
    unknown = sum(words.count(_UNKNOWN_ID) for words in prose.test) / sum(map(len, prose.test))
    figures = [("perplexity", value), ("share of words not in the vocabulary", unknown)]
    if recipe.baseline:
        baseline, same = kneser_ney(prose.train, prose.test)
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
        f"## Baseline\n\nInterpolated modified Kneser-Ney of order {ORDER} (KenLM), the same "
        f"words, vocabulary and splits: perplexity {baseline:.1f}, the network {network:.1f}. Both "
        "tell `<unk>` and the end of each document; the network reads word by word through the "
        "published graph."
    ]


def _speed(pipeline: Pipeline, payload: Payload) -> str:
    """Return the section on how fast words come, one after another, choosing and writing included.

    By the process's own time: others may be at work on the machine.
    """
    continuation = begin(pipeline, payload, Manner(max_words=_TIMED))
    begun = time.process_time()
    complete(pipeline, [continuation])
    words = _TIMED / (time.process_time() - begun)
    print(f"{words:.0f} words a second of one core's time")
    return (
        f"## Speed\n\n{words:.0f} words a second of one core's time, one text, word by word; "
        f'`thalamus complete models/{pipeline.manifest.name} "We must" --max-words {_TIMED}` '
        "measures it again."
    )


def _manifest(
    recipe: Language,
    prose: Prose,
    metrics: Sequence[Measurement],
    outputs: tuple[TensorSpec, ...],
    models: Path,
) -> Manifest:
    dataset = prose.dataset
    return Manifest(
        name=recipe.name,
        version=next_version(models, recipe.name),
        description=recipe.description,
        task="complete",
        encoder=prose.encoder.spec,
        inputs=prose.encoder.spec.tensors(),
        outputs=outputs,
        metrics=tuple(metrics),
        provenance=Provenance(
            recipe=recipe.name,
            seed=recipe.seed,
            code=f"thalamus {__version__}",
            data=dataset.name,
            data_source=dataset.source,
            data_licence=dataset.licence,
            data_sha256=dataset.sha256,
            splits=prose.splits.counts(),
        ),
        licence=recipe.licence,
        files={},
    )


def _text(sample: Sample) -> str:
    return sample.payload.data.decode()
