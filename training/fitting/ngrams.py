"""Fits a `CharacterNgrams` network: counts n-grams, then one logistic regression on sparse vectors.

N-grams whose frequency differs between the labels are regularised less (Wang and Manning,
"Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012; here an n-gram
has one scale for all labels). A fifth of the training samples chooses the strength of the
regularisation, then all are fitted. Memory is bounded: of many or long texts only so many are
learnt from that they have `MOST_CHARACTERS` together.
"""

import logging
import time
import warnings

import numpy as np
import torch
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from training.data.encode import Examples
from training.data.evenly import evenly_by_label
from training.data.folds import folds_of
from training.fitting.curve import Epoch, History
from training.networks.linear.character_ngrams import (
    BUCKETS,
    LONGEST,
    CharacterNgrams,
    ngram_buckets,
)

_LOG = logging.getLogger(__name__)
NGRAM_STRENGTHS = (3.0, 10.0, 30.0, 100.0)  # scikit-learn's C
MOST_FEATURES = 1 << 17  # n-grams with a weight: the most frequent ones
MOST_CHARACTERS = 10_000_000  # of the texts that are learnt from
_RARE = 2  # texts that an n-gram must occur in
_TEXTS = 128  # in a batch
_WORSE = 1.02  # times the lowest loss: weaker regularisation is not tried any more
_STEPS = 300  # of L-BFGS
_UNSCALED = 0.5  # share of an n-gram's scale that does not depend on the labels


def fit_ngrams(
    network: CharacterNgrams,
    train: Examples,
    validation: Examples,
    class_weight_power: float = 0.0,
) -> History:
    """Fit the network in place; an "epoch" of the curve is one strength of regularisation.

    Its training loss is that of the samples that choose. validation: chooses nothing; the curve
    has its loss. class_weight_power: as in `Schedule`.
    """
    learnt = _bounded(train)
    buckets = _distinct_buckets(learnt)
    rows, squares = _frequent(buckets, len(learnt))
    features = _vectors(buckets, rows, squares)
    held_out = _vectors(_distinct_buckets(tried := _bounded(validation)), rows, squares)
    history = History()
    chooses = folds_of(learnt.samples, learnt.targets) == 0
    some = _Regression(features[~chooses], learnt.targets[~chooses], class_weight_power)
    judged = chooses if chooses.any() else ~chooses
    judging, truths = features[judged], learnt.targets[judged]
    for strength in NGRAM_STRENGTHS:
        started = time.perf_counter()
        model = some.fit(strength)
        loss, _ = _figures(model, judging, truths)
        figures = _figures(model, held_out, tried.targets)
        seconds = time.perf_counter() - started
        history.epochs.append(Epoch(len(history.epochs) + 1, loss, *figures, seconds))
        if loss > _WORSE * min(epoch.train_loss for epoch in history.epochs):
            break
    history.kept_epoch = min(history.epochs, key=lambda epoch: epoch.train_loss).number
    strength = NGRAM_STRENGTHS[history.kept_epoch - 1]
    _LOG.info("%d character n-grams, regularisation C=%g", len(squares) - 1, strength)
    model = _Regression(features, learnt.targets, class_weight_power).fit(strength)
    _set(network, model, rows, squares)
    return history


def _bounded(examples: Examples) -> Examples:
    """Return as many of the samples as have `MOST_CHARACTERS` together, of every label."""
    share = min(1.0, MOST_CHARACTERS / max(int(examples.lengths().sum()), 1))
    if share == 1.0:
        return examples
    chosen = evenly_by_label(examples.targets, max(int(share * len(examples)), 2))
    _LOG.info("learning from %d of %d texts, for want of memory", len(chosen), len(examples))
    return examples.select(chosen.tolist())


def _distinct_buckets(examples: Examples) -> csr_matrix:
    """Return which n-grams each text has: ones, (samples, LONGEST * BUCKETS)."""
    columns, counts = [], np.zeros(len(examples), dtype=np.int64)
    order = np.argsort(examples.lengths(), kind="stable")
    for start in range(0, len(order), _TEXTS):
        places = order[start : start + _TEXTS]
        tokens, lengths = (torch.from_numpy(a) for a in examples.batch(places.tolist())[0])
        found = []
        for length, buckets, counted in ngram_buckets(tokens, lengths):
            ids = torch.where(counted, buckets + (length - 1) * BUCKETS, -1).numpy()
            ids = np.sort(ids.astype(np.int32), axis=1)
            ids[:, 1:][ids[:, 1:] == ids[:, :-1]] = -1
            found.append(ids)
        together = np.concatenate(found, axis=1)
        kept = together >= 0
        columns.append(together[kept])
        counts[places] = kept.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(counts[order])])
    indices = np.concatenate(columns) if columns else np.zeros(0, np.int32)
    table = csr_matrix(
        (np.ones(len(indices), np.float32), indices, starts),
        shape=(len(order), LONGEST * BUCKETS),
    )
    return table[np.argsort(order, kind="stable")]


def _frequent(buckets: csr_matrix, texts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each bucket, int32, 0 for none, and the rows' squared idf, float32."""
    found = np.bincount(buckets.indices, minlength=buckets.shape[1])
    often = np.argsort(-found, kind="stable")[:MOST_FEATURES]
    often = np.sort(often[found[often] >= min(_RARE, texts)])
    rows = np.zeros(buckets.shape[1], dtype=np.int32)
    rows[often] = np.arange(1, len(often) + 1)
    idf = np.log((1 + texts) / (1 + found[often])) + 1
    return rows, np.concatenate([[0.0], idf**2]).astype(np.float32)


def _vectors(buckets: csr_matrix, rows: np.ndarray, squares: np.ndarray) -> csr_matrix:
    """Return the texts' vectors, float32 (samples, rows - 1), of length 1."""
    known = np.flatnonzero(rows)
    table = buckets[:, known].multiply(np.sqrt(squares[1:])[None]).tocsr()
    norms = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel() + 1e-6)
    scaled = csr_matrix(table.multiply((1 / norms)[:, None]), dtype=np.float32)
    scaled.sort_indices()
    return scaled


class _Regression:
    """Logistic regressions on the same scaled n-grams, which are scaled once."""

    def __init__(self, features: csr_matrix, targets: np.ndarray, power: float) -> None:
        counts = np.bincount(targets)
        self._weights = (len(targets) / (np.count_nonzero(counts) * counts[targets])) ** power
        self._scales, self._targets = ngram_scales(features, targets), targets
        data = features.data * self._scales[features.indices]
        self._scaled = csr_matrix((data, features.indices, features.indptr), features.shape)

    def fit(self, strength: float) -> LogisticRegression:
        """Return the model of n-grams that are not scaled."""
        model = LogisticRegression(C=strength, max_iter=_STEPS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self._scaled, self._targets, self._weights)
        model.coef_ = model.coef_ * self._scales
        return model


def ngram_scales(features: csr_matrix, targets: np.ndarray) -> np.ndarray:
    """Return how much each n-gram says about the labels, float32 (n-grams,), 1 on average.

    Half of a scale is 1; the other half is the root mean square, over the labels, of the logarithm
    of how many times as frequent the n-gram is in texts of the label as in others.

    features: float32 (texts, n-grams), 0 where a text has not got an n-gram. targets: int64
    (texts,).
    """
    present = csr_matrix(
        (np.ones(features.nnz, np.float32), features.indices, features.indptr), features.shape
    )
    total, squares = _smoothed(present), np.zeros(features.shape[1])
    labels = np.unique(targets)
    for label in labels:
        of_label = _smoothed(present[targets == label])
        others = total - of_label + 1
        ratios = np.log(of_label / of_label.sum()) - np.log(others / others.sum())
        squares += ratios**2
    distances = np.sqrt(squares / len(labels))
    mean = float(distances.mean()) if distances.any() else 1.0
    return (_UNSCALED + (1 - _UNSCALED) * distances / mean).astype(np.float32)


def _smoothed(present: csr_matrix) -> np.ndarray:
    """Return in how many texts each n-gram is, and one more, float64 (n-grams,)."""
    return np.asarray(present.sum(axis=0), np.float64).ravel() + 1


def _figures(
    model: LogisticRegression, features: csr_matrix, targets: np.ndarray
) -> tuple[float, float]:
    """Return the mean cross-entropy, and the accuracy."""
    logs = model.predict_log_proba(features)
    places = np.searchsorted(model.classes_, targets)
    places = np.minimum(places, len(model.classes_) - 1)
    known = model.classes_[places] == targets
    losses = np.where(known, -logs[np.arange(len(targets)), places], -logs.min(initial=0.0))
    return float(losses.mean()), float((model.classes_[logs.argmax(1)] == targets).mean())


def _set(
    network: CharacterNgrams, model: LogisticRegression, rows: np.ndarray, squares: np.ndarray
) -> None:
    """Put the regression's weights into the network; two labels get half of the logit each."""
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    scaled = np.zeros((len(squares), network.bias.numel()), dtype=np.float16)
    scaled[1:, model.classes_] = (weight * np.sqrt(squares[1:])).T
    biases = np.full(network.bias.numel(), bias.min() - 10.0, dtype=np.float32)
    biases[model.classes_] = bias
    network.rows = torch.from_numpy(rows.reshape(LONGEST, BUCKETS))
    network.weights, network.squares = torch.from_numpy(scaled), torch.from_numpy(squares)
    with torch.no_grad():
        network.bias.copy_(torch.from_numpy(biases))
    network.eval()
