"""Linear models of texts, pictures and sounds that take seconds: the least that a network must do.

They read what a network reads and say what its effort is worth; a text is read as it was sent. They
also name samples whose labels are probably wrong. The cost is bounded: of more than `most` training
samples, so many of each label in proportion are used.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.data.dataset import Sample
from training.data.encode import Examples
from training.data.evenly import evenly_by_label
from training.data.readable import readable_text

_LONGEST = 2_000  # characters of a text
_EVERYWHERE = "\0"  # a term of every text
_FEATURES = 30_000  # of words, and of characters
_FEW_LABELS = 5  # more are fitted by stochastic descent, which takes a tenth of the time
_SIDE, _COMPONENTS = 16, 64  # pixels a side; principal components
_BANDS, _WINDOW = 40, 512  # of a spectrogram
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class LinearBaseline:
    """How a linear model of one modality is made.

    about: a phrase that says what it is. read: of the samples and the arrays of some examples, what
    the model reads, one row each. model: of the number of labels and of samples, a scikit-learn
    classifier with `predict_proba`. most: training samples.
    """

    about: str
    read: Callable[[Sequence[Sample], Sequence[Any]], Any]
    model: Callable[[int, int], Any]
    most: int = 3_000

    def rows(self, examples: Examples, indices: Sequence[int]) -> Any:
        """Return what the model reads of some examples."""
        parts: list[Any] = []
        for start in range(0, len(indices), _BATCH):
            some = examples.select(indices[start : start + _BATCH])
            parts += list(self.read(some.samples, some.items))
        return parts if parts and isinstance(parts[0], str) else np.asarray(parts)


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """What a baseline predicts for the test split, int64 (samples,); samples: it was fitted to."""

    about: str
    predicted: np.ndarray
    samples: int


def measure_baseline(baseline: LinearBaseline, train: Examples, test: Examples) -> BaselineReport:
    """Fit the baseline to training samples, and predict the test split."""
    drawn = evenly_by_label(train.targets, baseline.most).tolist()
    targets = train.targets[drawn]
    model = baseline.model(len(np.unique(targets)), len(drawn))
    with one_thread():
        model.fit(baseline.rows(train, drawn), targets)
        predicted = [
            model.predict(baseline.rows(test, range(start, min(start + _BATCH, len(test)))))
            for start in range(0, len(test), _BATCH)
        ]
    return BaselineReport(baseline.about, np.concatenate(predicted), len(drawn))


def one_thread() -> AbstractContextManager[Any]:
    """Compute with one thread: models this small take ten times the time with more."""
    return threadpool_limits(1)


def _texts(samples: Sequence[Sample], items: Sequence[Any]) -> list[str]:
    return [readable_text(sample.payload)[:_LONGEST] for sample in samples]


def _text_model(labels: int, samples: int) -> Any:
    rare = 2 if samples > 200 else 1
    words = _vectors(rare, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")
    characters = _vectors(rare, analyzer="char_wb", ngram_range=(1, 4))
    return make_pipeline(make_union(characters, words), _regression(labels))


def _vectors(rare: int, **analysis: Any) -> TfidfVectorizer:
    """Return a vectorizer that finds a term in every text, also where none occurs twice."""
    terms_of = TfidfVectorizer(**analysis).build_analyzer()

    def analyse(text: str) -> list[str]:
        return [*terms_of(text), _EVERYWHERE]

    return TfidfVectorizer(analyzer=analyse, sublinear_tf=True, max_features=_FEATURES, min_df=rare)


def _regression(labels: int) -> Any:
    if labels <= _FEW_LABELS:
        return LogisticRegression(C=10, max_iter=200)
    return SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=20, tol=None, random_state=0)


def _pixels(samples: Sequence[Sample], items: Sequence[Any]) -> np.ndarray:
    return np.stack([_small(item["image"]) for item in items])


def _small(image: np.ndarray) -> np.ndarray:
    """Return a picture, in any layout of an `ImageSpec`, as one row, at most 16 pixels a side."""
    if image.shape[-1] not in (1, 3):  # channels first
        image = np.moveaxis(image, 0, -1)
    if image.dtype != np.uint8:
        span = max(float(image.max() - image.min()), 1e-6)
        image = (255 * ((image - image.min()) / span)).astype(np.uint8)
    height, width = (min(side, _SIDE) for side in image.shape[:2])
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    small = Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).reshape(-1) / 255


def _spectra(samples: Sequence[Sample], items: Sequence[Any]) -> np.ndarray:
    return np.stack([_statistics(item["pcm"].reshape(-1)) for item in items])


def _statistics(pcm: np.ndarray) -> np.ndarray:
    """Return mean, deviation and movement of the level of 40 bands, float32 (120,)."""
    signal = np.pad(pcm.astype(np.float32) / 32768, (0, max(_WINDOW - pcm.size, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[:: _WINDOW // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.unique(np.geomspace(1, power.shape[1], _BANDS + 1).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    levels = np.log(bands + 1e-6)
    moved = np.abs(np.diff(levels, axis=0)).mean(axis=0) if len(levels) > 1 else 0 * levels[0]
    return np.concatenate([levels.mean(axis=0), levels.std(axis=0), moved]).astype(np.float32)


def _row_model(labels: int, samples: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))


class _Components(PCA):
    """Principal components, as many as the samples allow, at most `_COMPONENTS`."""

    def fit_transform(self, rows: np.ndarray, targets: Any = None) -> np.ndarray:
        """Fit to rows (samples, d) and return their components."""
        self.n_components = min(_COMPONENTS, *rows.shape)
        return super().fit_transform(rows, targets)


def _picture_model(labels: int, samples: int) -> Any:
    components = _Components(svd_solver="randomized", random_state=0)
    return make_pipeline(components, *_row_model(labels, samples).named_steps.values())


TEXT_BASELINE = LinearBaseline(
    "tf-idf of words and of up to four characters, logistic regression", _texts, _text_model
)
PICTURE_BASELINE = LinearBaseline(
    f"{_COMPONENTS} principal components of the pixels at {_SIDE}×{_SIDE}, logistic regression",
    _pixels,
    _picture_model,
    most=5_000,
)
SOUND_BASELINE = LinearBaseline(
    f"mean, deviation and movement of {_BANDS} bands of the spectrum, logistic regression",
    _spectra,
    _row_model,
)
