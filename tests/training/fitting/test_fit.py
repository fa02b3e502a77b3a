"""The training loop: deterministic, keeps the best epoch, never goes on with NaN."""

import io
import re
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.training.samples import Toy, sentences, squares
from training.data.encode import Examples
from training.errors import Diverged
from training.fitting.fit import Schedule, balancing_power, class_weights, fit
from training.measuring.evaluate import logits_of
from training.networks.recurrent.classifier import TextRecurrentNet
from training.progress import shown

TRAIN, VALIDATION = squares(40, seed=1), squares(16, seed=2)
SCHEDULE = Schedule(epochs=3, batch_size=8, learning_rate=0.02)


def noisy(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 50, images.shape, generator=generator, dtype=torch.uint8) + images // 2


def weights(seed: int, schedule: Schedule = SCHEDULE, augment=None, measured=False) -> bytes:
    torch.manual_seed(0)
    network = nn.Sequential(Toy(8), nn.Dropout(0.2), nn.Linear(8, 2))
    network.train(not measured)
    fit(network, TRAIN, VALIDATION, schedule, seed=seed, augment=augment)
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


@pytest.mark.parametrize(
    ("schedule", "augment"),
    [(SCHEDULE, None), (replace(SCHEDULE, ema=0.9, label_smoothing=0.1), noisy)],
    ids=["plain", "augmented and averaged"],
)
def test_same_seed_gives_the_same_bytes(schedule: Schedule, augment):
    first = weights(1, schedule, augment)
    torch.rand(10)
    assert weights(1, schedule, augment) == first
    assert weights(2, schedule, augment) != first


def test_evaluation_before_training_changes_nothing():
    assert weights(1, measured=True) == weights(1)


def test_same_seed_gives_the_same_bytes_for_texts_of_any_length():
    train, validation = sentences([1, 2, 9, 4, 1, 7] * 4, 20), sentences([3, 1, 5, 2], 20, seed=1)

    def trained() -> list[bytes]:
        torch.manual_seed(0)
        network = TextRecurrentNet(vocabulary=20, classes=2, embedding=6, hidden=4)
        fit(network, train, validation, SCHEDULE, seed=1)
        return [value.numpy().tobytes() for value in network.state_dict().values()]

    assert trained() == trained()


@pytest.mark.parametrize(
    ("balance", "expected"), [(0.0, [1, 1]), (1.0, [2 / 3, 2]), (0.5, [(2 / 3) ** 0.5, 2**0.5])]
)
def test_class_weights_of_a_scarce_label_are_larger(balance: float, expected: list[float]):
    targets = np.repeat(np.array([0, 1]), [6, 2])
    assert class_weights(targets, balance).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "power"),
    [
        ([9, 9], 0),
        ([29, 10], 0),
        ([30, 10], 0.5),
        ([99, 10], 0.5),
        ([380, 20], 1),
        ([9, 0, 9], 0),
    ],
)
def test_class_weights_follow_the_imbalance(counts: list[int], power: float):
    assert balancing_power(np.repeat(np.arange(len(counts)), counts)) == power


@pytest.mark.parametrize("batch", [3, 16, 64])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_epoch_is_chosen_by_a_loss_with_the_class_weights(batch: int, weighted: bool):
    rare = TRAIN.select([i for i, t in enumerate(TRAIN.targets) if t == 0 or i % 8 == 1])
    held_out = VALIDATION.select([i for i, t in enumerate(VALIDATION.targets) if t == 0 or i < 4])
    torch.manual_seed(0)
    network = Toy()
    schedule = Schedule(
        epochs=1, batch_size=batch, class_weight_power=1.0, weighted_choice=weighted, patience=None
    )
    history = fit(network, rare, held_out, schedule, seed=1)
    weights = class_weights(rare.targets, 1.0) if weighted else None
    logits = torch.from_numpy(logits_of(network, held_out))
    expected = functional.cross_entropy(logits, torch.from_numpy(held_out.targets), weights)
    assert history.epochs[0].validation_loss == pytest.approx(float(expected), rel=1e-5)


def test_class_weight_power_moves_predictions_to_the_scarce_label():
    scarce = sentences([4] * 40, 20)
    scarce.targets[:] = np.arange(40) % 8 == 0  # the words say nothing of it

    def preference(balance: float) -> float:
        torch.manual_seed(0)
        network = TextRecurrentNet(vocabulary=20, classes=2, embedding=6, hidden=4)
        fit(network, scarce, scarce, replace(SCHEDULE, class_weight_power=balance), seed=1)
        logits = logits_of(network, scarce)
        return float((logits[:, 1] - logits[:, 0]).mean())

    assert preference(1.0) > preference(0.0)


def loss_of(network: nn.Module, examples: Examples = VALIDATION) -> float:
    logits = torch.from_numpy(logits_of(network, examples))
    return float(functional.cross_entropy(logits, torch.from_numpy(examples.targets)))


@pytest.mark.parametrize("ema", [None, 0.5, 0.99])
@pytest.mark.parametrize("rate", [0.02, 3.0])
def test_weights_of_the_best_epoch_are_kept(ema: float | None, rate: float):
    torch.manual_seed(0)
    network = Toy()
    history = fit(
        network,
        TRAIN,
        VALIDATION,
        Schedule(epochs=5, batch_size=8, learning_rate=rate, ema=ema),
        seed=1,
    )
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert history.kept_epoch == 1 + int(np.argmin(losses))
    assert loss_of(network) == pytest.approx(min(losses), rel=1e-4, abs=1e-7)
    assert not network.training


def test_early_stopping_without_progress():
    class Stubborn(Toy):
        def forward(self, image: Tensor) -> Tensor:
            return super().forward(image) * 0

    schedule = Schedule(epochs=50, batch_size=8, patience=2)
    history = fit(Stubborn(), TRAIN, VALIDATION, schedule, seed=1)
    assert len(history.epochs) == 3 and history.kept_epoch == 1


def test_without_patience_the_last_epoch_is_kept():
    schedule = Schedule(epochs=5, batch_size=8, learning_rate=3.0, ema=0.9, patience=None)
    logits = []
    for validation in (VALIDATION, squares(16, seed=3)):
        torch.manual_seed(0)
        network = Toy()
        history = fit(network, TRAIN, validation, schedule, seed=1)
        assert len(history.epochs) == history.kept_epoch == 5
        last = history.epochs[-1].validation_loss
        assert loss_of(network, validation) == pytest.approx(last, rel=1e-4, abs=1e-7)
        logits.append(logits_of(network, TRAIN))
    assert np.array_equal(*logits)


def test_history_has_every_epoch():
    history = fit(Toy(), TRAIN, VALIDATION, SCHEDULE, seed=1)
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3]
    assert all(np.isfinite([e.train_loss, e.validation_loss]).all() for e in history.epochs)
    assert all(0 <= epoch.accuracy <= 1 for epoch in history.epochs)


@pytest.mark.parametrize(
    ("epochs", "batch"), [(1, 40), (1, 32), (2, 40), (3, 40), (1, 10), (2, 20), (4, 40)]
)
def test_learning_rate_schedule_of_few_steps(epochs: int, batch: int):
    history = fit(Toy(), TRAIN, VALIDATION, Schedule(epochs=epochs, batch_size=batch), seed=1)
    assert len(history.epochs) == epochs


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("output", [io.StringIO, Terminal])
def test_progress_is_a_bar_on_a_terminal_and_a_line_per_epoch(
    output: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
):
    stream = output()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    with shown():
        fit(Toy(), TRAIN, VALIDATION, SCHEDULE, seed=1)
    monkeypatch.undo()
    said = stream.getvalue()
    lines = re.findall(r"epoch +(\d)/3  loss [\d.]+  validation [\d.]+  accuracy [\d.]+ %", said)
    assert lines == ["1", "2", "3"]
    assert (len(said.splitlines()) == 3 and "\r" not in said) == (output is io.StringIO)
    assert ("Epoch 2" in said and "5/5" in said) == (output is Terminal)


class Broken(Toy):
    """Its logits are not numbers; with `only` they are in the other mode."""

    only: bool | None = None

    def forward(self, image: Tensor) -> Tensor:
        logits = super().forward(image)
        return logits if self.only not in (None, self.training) else logits * float("nan")


@pytest.mark.parametrize("only", [None, True, False], ids=["both", "training", "validation"])
def test_nan_loss_stops_the_training(only: bool | None):
    network = Broken()
    network.only = only
    with pytest.raises(Diverged, match=r"the loss became nan in epoch 1; .*learning rate"):
        fit(network, TRAIN, VALIDATION, SCHEDULE, seed=1)


def test_keyboard_interrupt_is_passed_on():
    def interrupt(images: Tensor, generator: torch.Generator) -> Tensor:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(Toy(), TRAIN, VALIDATION, SCHEDULE, seed=1, augment=interrupt)
    finally:  # Lightning ignores the signal from then on
        signal.signal(signal.SIGINT, before)
