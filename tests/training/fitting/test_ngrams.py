"""The linear model learns what scikit-learn's tf-idf would, and says so in any language."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tests.training.characters import character_examples
from training.exporting.graph import run_network
from training.fitting import ngrams
from training.fitting.ngrams import fit_ngrams, ngram_scales
from training.networks.linear.character_ngrams import CharacterNgrams

WORDS = {
    "de": ["gut", "schlecht", "Straße", "Käse", "prima", "mies"],
    "zh": ["好", "坏", "酒店", "房间", "干净", "很脏"],
    "ru": ["хорошо", "плохо", "день", "отель", "чисто", "грязь"],
}


def texts_of(language: str, count: int, seed: int) -> tuple[list[str], list[int]]:
    """Texts whose label is the first or the second word of the language."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(count):
        label = number % 2
        others = rng.choice(WORDS[language][2:], 5).tolist()
        others.insert(int(rng.integers(5)), WORDS[language][label])
        texts.append((" " if language != "zh" else "").join(others))
        labels.append(label)
    return texts, labels


@pytest.mark.parametrize("language", WORDS)
def test_every_language_is_learnt(language: str) -> None:
    texts, labels = texts_of(language, 240, seed=1)
    examples = character_examples(texts, labels)
    network = CharacterNgrams(classes=2)
    history = fit_ngrams(network, examples.select(range(160)), examples.select(range(160, 240)))
    assert history.epochs[history.kept_epoch - 1].accuracy == 1.0


def test_predictions_are_those_of_scaled_presence_tfidf() -> None:
    texts, labels = texts_of("ru", 300, seed=2)
    rng = np.random.default_rng(3)
    noisy = [1 - label if rng.random() < 0.2 else label for label in labels]
    examples = character_examples(texts, noisy)
    network = CharacterNgrams(classes=2)
    history = fit_ngrams(network, examples.select(range(200)), examples.select(range(200, 300)))
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), binary=True, min_df=2)
    features = vectorizer.fit_transform(texts[:200])
    scales = ngram_scales(features, np.asarray(noisy[:200]))
    strength = ngrams.NGRAM_STRENGTHS[history.kept_epoch - 1]
    model = LogisticRegression(C=strength, max_iter=300)
    model.fit(features.multiply(scales[None]).tocsr(), noisy[:200])
    held_out = vectorizer.transform(texts[200:]).multiply(scales[None]).tocsr()
    expected = model.decision_function(held_out)
    logits = run_network(network, examples.select(range(200, 300)))
    found = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_an_ngram_that_says_nothing_about_the_label_is_scaled_down() -> None:
    present = csr_matrix(np.array([[1, 1, 0], [1, 0, 1]] * 8, np.float32) * 0.3)
    targets = np.array([0, 1] * 8)
    both, first, second = ngram_scales(present, targets)
    assert first == second > 1 > both == pytest.approx(0.5, abs=0.2)
    assert (both + first + second) / 3 == pytest.approx(1)


def test_scales_do_not_depend_on_the_order_or_names_of_labels() -> None:
    rng = np.random.default_rng(6)
    present = csr_matrix(rng.integers(0, 2, (60, 20)).astype(np.float32))
    targets = rng.integers(0, 3, 60)
    np.testing.assert_allclose(
        ngram_scales(present, targets), ngram_scales(present, (targets + 1) % 3), rtol=1e-6
    )


def test_a_part_of_very_many_texts_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = texts_of("de", 400, seed=4)
    examples = character_examples(texts, labels)
    monkeypatch.setattr(ngrams, "MOST_CHARACTERS", 5_000)
    network = CharacterNgrams(classes=2)
    fit_ngrams(network, examples, examples)
    assert (run_network(network, examples).argmax(1) == labels).all()


def test_class_weights_move_the_border_to_the_common_label() -> None:
    texts, labels = texts_of("de", 200, seed=5)
    rare = [i for i, label in enumerate(labels) if label == 0 or i % 20 == 1]
    examples = character_examples([texts[i] for i in rare], [labels[i] for i in rare])
    biases = []
    for power in (0.0, 1.0):
        network = CharacterNgrams(classes=2)
        fit_ngrams(network, examples, examples, power)
        bias = network.bias.detach()
        biases.append(float(bias[1] - bias[0]))
    assert biases[1] > biases[0]
