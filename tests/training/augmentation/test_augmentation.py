"""Augmentations are pure: all chance is the generator's."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from training.augmentation.audio import augment_audio
from training.augmentation.images import PICTURE_STRENGTH, augment_images, mask_patches


def images(channels: int) -> Tensor:
    return torch.randint(0, 256, (6, 20, 24, channels), dtype=torch.uint8)


def clips(rate: int) -> Tensor:
    time = torch.arange(rate // 2) / rate
    tones = torch.sin(2 * torch.pi * torch.linspace(200, 900, 6)[:, None] * time)
    return (tones * 9000).to(torch.int16)


CASES = {
    "strokes": (augment_images, images(1)),
    "masks": (partial(mask_patches, side=4, share=0.5), images(1)),
    "pictures": (partial(augment_images, strength=PICTURE_STRENGTH), images(3)),
    "voices": (augment_audio, clips(8000)),
    "sounds": (partial(augment_audio, rate=16000), clips(16000)),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., Tensor], Tensor]:
    return CASES[request.param]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_augmentation_is_a_function_of_the_generator(case):
    change, batch = case
    torch.manual_seed(1)
    first = change(batch, seeded(3))
    torch.manual_seed(2)
    assert torch.equal(first, change(batch, seeded(3)))


def test_augmentation_differs_between_seeds(case):
    change, batch = case
    assert not torch.equal(change(batch, seeded(3)), change(batch, seeded(4)))


def test_augmentation_leaves_the_global_generator_alone(case):
    change, batch = case
    before = torch.random.get_rng_state()
    change(batch, seeded(3))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_augmentation_does_not_modify_its_input(case):
    change, batch = case
    before = batch.clone()
    change(batch, seeded(3))
    assert torch.equal(batch, before)


def test_augmentation_keeps_type_and_shape(case):
    change, batch = case
    changed = change(batch, seeded(3))
    assert changed.shape == batch.shape
    if batch.dtype == torch.uint8:
        assert changed.dtype == torch.uint8
    else:  # whole numbers within int16
        assert changed.dtype == torch.float32
        assert torch.equal(changed, changed.round())
        assert changed.min() >= -32768 and changed.max() <= 32767


def test_augmentation_of_blank_images_and_silence_is_finite(case):
    change, batch = case
    changed = change(torch.zeros_like(batch), seeded(3))
    assert torch.isfinite(changed.float()).all()


def test_a_batch_of_one(case):
    change, batch = case
    assert change(batch[:1], seeded(3)).shape == batch[:1].shape
