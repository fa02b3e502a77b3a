"""Augmentation of batches of images. The functions are pure: the generator makes all draws."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional


def _uniform(shape: tuple[int, ...], reach: float, generator: Generator) -> Tensor:
    """Return float32 of this shape, uniform in [-reach, reach]."""
    return (torch.rand(shape, generator=generator) * 2 - 1) * reach


def _grid(
    batch: int, height: int, width: int, generator: Generator, strength: "Strength"
) -> Tensor:
    """Return the source of each pixel: float32 (B, H, W, 2), x then y, -1..1 over the image."""
    angle = _uniform((batch,), math.radians(strength.rotation), generator)
    stretch = torch.exp(_uniform((batch, 2), strength.scale, generator))
    slant = _uniform((batch,), strength.shear, generator)
    if strength.flip:
        stretch[:, 0] *= torch.randint(0, 2, (batch,), generator=generator) * 2 - 1
    cos, sin = angle.cos(), angle.sin()
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = cos * stretch[:, 0]
    theta[:, 0, 1] = (slant * cos - sin) * stretch[:, 0]
    theta[:, 1, 0] = sin * stretch[:, 1]
    theta[:, 1, 1] = (slant * sin + cos) * stretch[:, 1]
    theta[:, :, 2] = _uniform((batch, 2), 2 * strength.shift, generator)
    grid = functional.affine_grid(theta, [batch, 1, height, width], align_corners=False)
    if strength.elastic:
        coarse = torch.randn((batch, 2, 5, 5), generator=generator) * strength.elastic
        bend = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
        grid = grid + bend.permute(0, 2, 3, 1)
    return grid


def _thicken(pixels: Tensor, amount: float, generator: Generator) -> Tensor:
    """Blend each image with its dilation or its erosion: bright strokes grow or shrink."""
    share = _uniform((len(pixels), 1, 1, 1), amount, generator)
    grown = functional.max_pool2d(pixels, 3, stride=1, padding=1)
    shrunk = -functional.max_pool2d(-pixels, 3, stride=1, padding=1)
    return (
        pixels + share.clamp(min=0) * (grown - pixels) + (-share).clamp(min=0) * (shrunk - pixels)
    )


@dataclass(frozen=True, slots=True)
class Strength:
    """The strength of each change that `augment_images` makes; 0 turns a change off.

    rotation: degrees either way. scale: log of the largest stretch, per axis. shear: tangent.
    shift: share of the side. elastic: deviation of a smooth displacement, where the side is 2.
    thickness: largest blend with the dilated or eroded image, for bright strokes on dark.
    contrast: log of the largest gain, per image. brightness: largest offset, per image and channel,
    where white is 1. noise: largest deviation of per-pixel noise. flip: whether to mirror half of
    the images. padding: the content outside the image, "zeros", "border" or "reflection".
    """

    rotation: float = 12.0
    scale: float = 0.12
    shear: float = 0.2
    shift: float = 0.07
    elastic: float = 0.04
    thickness: float = 0.5
    contrast: float = 0.3
    brightness: float = 0.1
    noise: float = 0.1
    flip: bool = False
    padding: str = "zeros"


STROKES = Strength()  # handwriting
PICTURE_STRENGTH = Strength(
    rotation=10, scale=0.1, shear=0.05, shift=0.05, elastic=0, thickness=0,
    contrast=0.2, brightness=0.05, noise=0.03, padding="border",
)  # fmt: skip


def augment_images(images: Tensor, generator: Generator, strength: Strength = STROKES) -> Tensor:
    """Return a randomly changed copy of each image; both are uint8 (B, H, W, C)."""
    batch, height, width, channels = images.shape
    pixels = images.permute(0, 3, 1, 2).float() / 255  # float32 (B, C, H, W)
    grid = _grid(batch, height, width, generator, strength)
    pixels = functional.grid_sample(
        pixels, grid, padding_mode=strength.padding, align_corners=False
    )
    if strength.thickness:
        pixels = _thicken(pixels, strength.thickness, generator)
    if strength.contrast:
        pixels = pixels * torch.exp(_uniform((batch, 1, 1, 1), strength.contrast, generator))
    if strength.brightness:
        pixels = pixels + _uniform((batch, channels, 1, 1), strength.brightness, generator)
    if strength.noise:
        level = torch.rand((batch, 1, 1, 1), generator=generator) * strength.noise
        pixels = pixels + torch.randn(pixels.shape, generator=generator) * level
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def mask_patches(images: Tensor, generator: Generator, side: int, share: float) -> Tensor:
    """Return a copy with random patches of `side` x `side` pixels black, uint8 (B, H, W, C).

    He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022. share: probability of
    a patch to be masked. Height and width are multiples of `side`.
    """
    batch, height, width, _ = images.shape
    chances = torch.rand((batch, height // side, width // side, 1), generator=generator)
    kept = (chances >= share).repeat_interleave(side, 1).repeat_interleave(side, 2)
    return images * kept
