"""A network of words: one answer, however it is come by."""

import numpy as np
import pytest
import torch

from app.modalities.words.spec import WordsSpec
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.export import ServableLanguageModel, check_parity, export, output_specs
from training.networks.recurrent.language import WordLSTM

VOCABULARY, HIDDEN = 30, 6
SPECS = WordsSpec(max_words=16, state=2 * HIDDEN).tensors()


@pytest.fixture(scope="module")
def network() -> WordLSTM:
    torch.manual_seed(3)
    made = WordLSTM(vocabulary=VOCABULARY, embedding=9, hidden=HIDDEN, common=10, dropout=0.5)
    for weights in made.parameters():
        torch.nn.init.normal_(weights, std=0.7)
    return made.eval()


@pytest.fixture(scope="module")
def examples() -> Examples:
    rng = np.random.default_rng(0)
    items = [
        {
            "tokens": rng.integers(0, VOCABULARY, length),
            "length": np.asarray(length),
            "state": rng.uniform(-0.9, 0.9, 2 * HIDDEN).astype(np.float32),
        }
        for length in (5, 1, 9, 3, 1, 12, 2, 7)
    ]
    return Examples(items, np.zeros(len(items), dtype=np.int64), [], SPECS)


@pytest.fixture(scope="module")
def model(network: WordLSTM, examples: Examples) -> bytes:
    arrays, _ = examples.batch([0, 1])
    return export(
        ServableLanguageModel(network), SPECS, [torch.from_numpy(array) for array in arrays]
    )


def test_language_model_likelihoods_agree(network: WordLSTM) -> None:
    tokens, targets = torch.randint(0, VOCABULARY, (2, 4, 11)).unbind()
    with torch.no_grad():
        answers = network(tokens)
        actual = network.log_likelihoods(tokens, targets)
        most_likely = network.most_likely(tokens)
    torch.testing.assert_close(answers.exp().sum(2), torch.ones(4, 11))
    torch.testing.assert_close(answers.gather(2, targets.unsqueeze(2)).squeeze(2), actual)
    assert torch.equal(answers.argmax(2), most_likely)


def test_language_model_step_equals_the_last_position(network: WordLSTM) -> None:
    tokens, lengths = torch.randint(0, VOCABULARY, (3, 8)), torch.tensor([8, 1, 5])
    with torch.no_grad():
        whole = network(tokens)
        answers, state = network.step(tokens, lengths, torch.zeros(3, 2 * HIDDEN))
    assert state.shape == (3, 2 * HIDDEN)
    torch.testing.assert_close(answers, whole[torch.arange(3), lengths - 1])


@pytest.mark.slow
def test_language_model_graph_is_exact_under_any_padding(
    network: WordLSTM, examples: Examples, model: bytes
) -> None:
    assert check_parity(model, ServableLanguageModel(network), examples, SPECS) < 1e-5
    shapes = {spec.name: spec.shape for spec in output_specs(model, SPECS)}
    assert shapes == {
        "log_probabilities": ("batch", VOCABULARY),
        "next_state": ("batch", 2 * HIDDEN),
    }


@pytest.mark.slow
def test_language_model_word_by_word_equals_all_at_once(examples: Examples, model: bytes) -> None:
    session = Session(model)
    item = examples.items[5]
    state = item["state"][None]
    for word in item["tokens"]:
        feeds = {"tokens": np.asarray([[word]]), "length": np.asarray([1]), "state": state}
        outputs = session.run(feeds)
        state = outputs["next_state"]
    arrays, _ = examples.batch([5])
    at_once = session.run(dict(zip(("tokens", "length", "state"), arrays, strict=True)))
    for name, values in at_once.items():
        np.testing.assert_allclose(outputs[name], values, atol=1e-5)


def test_dropout_in_training_has_one_mask_for_all_steps(network: WordLSTM) -> None:
    tokens = torch.full((1, 6), 4)
    network.train()
    with torch.no_grad():
        torch.manual_seed(0)
        first, second = network(tokens), network(tokens)
        steps = network._dropped(torch.ones(2, 5, 9))
    network.eval()
    assert not torch.equal(first, second)
    assert torch.equal(steps, steps[:, :1].expand(-1, 5, -1))
    assert not torch.equal(steps[0], steps[1])


def test_language_model_starts_with_given_word_vectors() -> None:
    made = WordLSTM(vocabulary=VOCABULARY, embedding=9, hidden=HIDDEN, common=10)
    vectors = torch.randn(VOCABULARY, 9)
    made.initialize_embeddings(vectors)
    features = torch.randn(5, 9)
    assert torch.equal(made.embed.weight, vectors)
    torch.testing.assert_close(
        made.tell.tail[0](features), features[:, :3] @ vectors[10:, :3].T, atol=1e-5, rtol=1e-5
    )
