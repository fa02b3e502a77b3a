"""The easy peers: what a person with scikit-learn has within an hour, its strength cross-validated.

`python -m benchmarks.quality.easy SET PEER OUT` trains one and writes its answers as `answers.py`
says. A peer chooses its only setting within the training part.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.quality.answers import Answers, Clock, pickled_megabytes
from benchmarks.quality.features import NETWORK_MEGABYTES, picture_features, pixels, sound_features
from benchmarks.quality.prepare import Labelled, Prepared, prepare
from benchmarks.quality.sets import BY_NAME, Kind

_FOLDS = 3
_SEED = 1
_SIDE = 32  # pixels of the pictures that PCA reads
Fitted = tuple[Any, str]  # a model with `predict`, and what was chosen


class Easy(NamedTuple):
    """A peer: the kind of samples, what it is in a few words, and how it is trained.

    read: samples → what the model takes. megabytes: of what `read` needs.
    """

    kind: Kind
    title: str
    read: Callable[[Sequence[Labelled]], Any]
    fit: Callable[[Any, Sequence[str]], Fitted]
    megabytes: float = 0.0


def _texts(samples: Sequence[Labelled]) -> list[str]:
    return [sample.text for sample in samples]


def paths_of(samples: Sequence[Labelled]) -> list[Path]:
    """Return the paths of samples that are files."""
    return [sample.path for sample in samples if sample.path is not None]


def _tfidf(vectorizer: dict[str, Any], texts: Sequence[str], labels: Sequence[str]) -> Fitted:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    tfidf = TfidfVectorizer(sublinear_tf=True, **vectorizer)
    table = tfidf.fit_transform(texts)
    model, chosen = _logistic(table, labels, (1.0, 10.0, 100.0))
    return make_pipeline(tfidf, model), f"{chosen}, {table.shape[1]:,} features"


def _words(texts: Sequence[str], labels: Sequence[str]) -> Fitted:
    return _tfidf({"ngram_range": (1, 2)}, texts, labels)


def _characters(texts: Sequence[str], labels: Sequence[str]) -> Fitted:
    settings = {"analyzer": "char_wb", "ngram_range": (1, 5), "min_df": 2, "lowercase": False}
    return _tfidf(settings, texts, labels)


def _logistic(table: Any, labels: Sequence[str], strengths: Sequence[float]) -> Fitted:
    """Fit a logistic regression; its C is the best of three folds.

    Features of texts are many, and 100 steps, the library's default, change nothing any more.
    """
    from sklearn.linear_model import LogisticRegression

    return _searched(
        LogisticRegression(max_iter=300 if isinstance(table, np.ndarray) else 100),
        "C",
        strengths,
        table,
        labels,
    )


def _searched(
    model: Any, name: str, values: Sequence[float], table: Any, labels: Sequence[str]
) -> Fitted:
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    search = GridSearchCV(model, {name: list(values)}, cv=folds).fit(table, labels)
    return search.best_estimator_, f"C={search.best_params_[name]:g}"


def _linear(table: np.ndarray, labels: Sequence[str]) -> Fitted:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(table)
    model, chosen = _logistic(scaler.transform(table), labels, (1e-3, 1e-2, 1e-1))
    return make_pipeline(scaler, model), chosen


def _pca_svm(table: np.ndarray, labels: Sequence[str]) -> Fitted:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    model = make_pipeline(PCA(100, random_state=_SEED), SVC())
    return _searched(model, "svc__C", (1.0, 10.0, 100.0), table, labels)


def _forest(table: np.ndarray, labels: Sequence[str]) -> Fitted:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(500, random_state=_SEED, n_jobs=2)
    return forest.fit(table, labels), "500 trees"


EASY = {
    "words": Easy("text", "tf-idf of words, logistic regression", _texts, _words),
    "characters": Easy("text", "tf-idf of characters, logistic regression", _texts, _characters),
    "efficientnet": Easy(
        "picture",
        "EfficientNet-Lite0 features, logistic regression",
        lambda samples: picture_features(paths_of(samples)),
        _linear,
        NETWORK_MEGABYTES,
    ),
    "pca-svm": Easy(
        "picture",
        f"PCA of {_SIDE} × {_SIDE} pixels, SVM",
        lambda samples: pixels(paths_of(samples), _SIDE),
        _pca_svm,
    ),
    "forest": Easy(
        "sound",
        "spectrogram statistics, random forest",
        lambda samples: sound_features(paths_of(samples)),
        _forest,
    ),
}


def answer(prepared: Prepared, peer: Easy) -> Answers:
    """Train a peer on a set's training part; the clock runs from the files to the fitted model."""
    train, test = prepared.samples("train"), prepared.samples("test")
    clock = Clock()
    model, chosen = peer.fit(peer.read(train), [sample.label for sample in train])
    seconds, processor = clock.stop()
    began = time.perf_counter()
    labels = [str(label) for label in model.predict(peer.read(test))]
    remark = f"{chosen}; {1000 * (time.perf_counter() - began) / len(test):.2g} ms an answer"
    size = peer.megabytes + pickled_megabytes(model)
    return Answers(labels, seconds, processor, size, remark)


if __name__ == "__main__":
    name, of, out = sys.argv[1:]
    answer(prepare(BY_NAME[name]), EASY[of]).write(Path(out))
