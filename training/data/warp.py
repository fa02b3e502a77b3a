"""Random changes to a batch of images, for training. Pure: all chance is the generator's."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


def _uniform(shape: tuple[int, ...], reach: float, generator: Generator) -> Tensor:
    """float32 of that shape, uniform in [-reach, reach]."""
    return (torch.rand(shape, generator=generator) * 2 - 1) * reach


def _grid(
    batch: int,
    height: int,
    width: int,
    generator: Generator,
    *,
    rotation: float,
    scale: float,
    shear: float,
    shift: float,
    elastic: float,
    flip: bool,
) -> Tensor:
    """Where each pixel is read from: float32 (B, H, W, 2), x then y, -1..1 over the image."""
    angle = _uniform((batch,), math.radians(rotation), generator)
    stretch = torch.exp(_uniform((batch, 2), scale, generator))
    slant = _uniform((batch,), shear, generator)
    if flip:
        stretch[:, 0] *= torch.randint(0, 2, (batch,), generator=generator) * 2 - 1
    cos, sin = angle.cos(), angle.sin()
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = cos * stretch[:, 0]
    theta[:, 0, 1] = (slant * cos - sin) * stretch[:, 0]
    theta[:, 1, 0] = sin * stretch[:, 1]
    theta[:, 1, 1] = (slant * sin + cos) * stretch[:, 1]
    theta[:, :, 2] = _uniform((batch, 2), 2 * shift, generator)
    grid = F.affine_grid(theta, [batch, 1, height, width], align_corners=False)
    if elastic:
        coarse = torch.randn((batch, 2, 5, 5), generator=generator) * elastic
        bend = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
        grid = grid + bend.permute(0, 2, 3, 1)
    return grid


def _thicken(pixels: Tensor, amount: float, generator: Generator) -> Tensor:
    """Blends each image with its dilation or its erosion: bright strokes grow or shrink."""
    share = _uniform((len(pixels), 1, 1, 1), amount, generator)
    grown = F.max_pool2d(pixels, 3, stride=1, padding=1)
    shrunk = -F.max_pool2d(-pixels, 3, stride=1, padding=1)
    return (
        pixels + share.clamp(min=0) * (grown - pixels) + (-share).clamp(min=0) * (shrunk - pixels)
    )


def _erase(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    """Blanks, in that share of the images, a box of up to a third of each side."""
    batch, _, height, width = pixels.shape
    centre = torch.rand((batch, 2), generator=generator)
    half = torch.rand((batch, 2), generator=generator) / 6
    chosen = torch.rand((batch, 1, 1), generator=generator) < share
    rows = (torch.arange(height) / height - centre[:, :1]).abs() < half[:, :1]
    columns = (torch.arange(width) / width - centre[:, 1:]).abs() < half[:, 1:]
    box = rows[:, :, None] & columns[:, None, :] & chosen
    return pixels.masked_fill(box[:, None], 0.0)


def warp(
    images: Tensor,
    generator: Generator,
    *,
    rotation: float = 12.0,
    scale: float = 0.12,
    shear: float = 0.2,
    shift: float = 0.07,
    elastic: float = 0.04,
    thickness: float = 0.5,
    contrast: float = 0.3,
    brightness: float = 0.1,
    noise: float = 0.1,
    erase: float = 0.0,
    flip: bool = False,
    padding: str = "zeros",
) -> Tensor:
    """A randomly changed copy of each image: uint8 (B, H, W, C) in, the same shape and type out.

    rotation: degrees either way. scale: log of the largest stretch, per axis. shear: tangent.
    shift: share of the side. elastic: deviation of a smooth displacement, where the side is 2.
    thickness: largest blend with the dilated or eroded image (strokes bright on dark).
    contrast: log of the largest gain, per image. brightness: largest offset, per image and
    channel, 1 being white. noise: largest deviation of per-pixel noise. erase: share of images that
    lose a box. flip: mirror half of them. padding: "zeros", "border" or "reflection" outside the image.
    """
    batch, height, width, channels = images.shape
    pixels = images.permute(0, 3, 1, 2).float() / 255  # float32 (B, C, H, W)
    sizes = {
        "rotation": rotation,
        "scale": scale,
        "shear": shear,
        "shift": shift,
        "elastic": elastic,
    }
    grid = _grid(batch, height, width, generator, **sizes, flip=flip)
    pixels = F.grid_sample(pixels, grid, padding_mode=padding, align_corners=False)
    if thickness:
        pixels = _thicken(pixels, thickness, generator)
    if contrast:
        pixels = pixels * torch.exp(_uniform((batch, 1, 1, 1), contrast, generator))
    if brightness:
        pixels = pixels + _uniform((batch, channels, 1, 1), brightness, generator)
    if noise:
        level = torch.rand((batch, 1, 1, 1), generator=generator) * noise
        pixels = pixels + torch.randn(pixels.shape, generator=generator) * level
    if erase:
        pixels = _erase(pixels, erase, generator)
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
