"""`thalamus pack`: make a bundle of an ONNX image classifier trained elsewhere."""

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from app.command_line import check_readable, decimal
from app.errors import OperatorError

if TYPE_CHECKING:
    from app.modalities.image.spec import ImageSpec

_LABELS = Group("Bundle", sort_key=1)
_INPUT = Group("Input of the network", sort_key=2)
_LARGEST = 4096  # pixels a side


@Parameter(name="*", group=_LABELS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The contents of the bundle besides the graph."""

    name: Annotated[
        str,
        Parameter(help="Name of the model: lower-case letters, digits, hyphens.", metavar="NAME"),
    ]
    labels: Annotated[
        Path | None,
        Parameter(
            help="Text file with one label a line, in output order. Default: the labels in the "
            "graph's metadata.",
            show_default=False,
        ),
    ] = None
    golden: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Pictures whose answers are stored, and compared at every load.",
            consume_multiple=True,
        ),
    ]
    output: Annotated[
        str | None,
        Parameter(help="Name of the output with the scores. Default: the first.", metavar="NAME"),
    ] = None
    scores: Annotated[
        Literal["probabilities", "logits"] | None,
        Parameter(help="What the scores are. Default: what the golden pictures show."),
    ] = None
    licence: Annotated[str, Parameter(help="Licence of the weights.", metavar="TEXT")] = (
        "not stated"
    )
    models: Annotated[Path, Parameter(help="Folder of bundles to publish to.")] = Path("models")


@Parameter(name="*", group=_INPUT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The options that say how a picture becomes the network's input."""

    size: Annotated[
        str, Parameter(help="In pixels, for example 224 or 320x240.", metavar="WIDTHxHEIGHT")
    ]
    channels: Annotated[Literal[1, 3], Parameter(help="1: grey; 3: colour.")] = 3
    layout: Annotated[Literal["NHWC", "NCHW"], Parameter(help="Order of the axes.")] = "NCHW"
    order: Annotated[Literal["RGB", "BGR"], Parameter(help="Order of the channels.")] = "RGB"
    dtype: Annotated[Literal["uint8", "float32"], Parameter(help="Type of the numbers.")] = (
        "float32"
    )
    mean: Annotated[
        tuple[float, ...],
        Parameter(
            help="Subtracted from x / 255, one number from 0 to 1 a channel. Default: 0.",
            consume_multiple=True,
            show_default=False,
            metavar="X...",
        ),
    ] = ()
    std: Annotated[
        tuple[float, ...],
        Parameter(
            help="Divides what is left, one number above 0, up to 1, a channel. Default: 1.",
            consume_multiple=True,
            show_default=False,
            metavar="X...",
        ),
    ] = ()
    fit: Annotated[
        Literal["crop", "pad", "stretch"],
        Parameter(help="How a picture of another shape is brought to the size."),
    ] = "crop"
    crop_fraction: Annotated[
        float,
        decimal(
            "Share of the picture that --fit crop keeps: of Resize(256), CenterCrop(224), "
            "224 / 256 = 0.875.",
            0.01,
            1,
        ),
    ] = 1.0
    resample: Annotated[
        Literal["bilinear", "bicubic"], Parameter(help="Filter that resizes the picture.")
    ] = "bicubic"


def pack(
    model: Annotated[Path, Parameter(help="ONNX file; its batch axis must be dynamic.")],
    /,
    *,
    contents: Contents,
    input: Input,
) -> None:
    """Make a bundle of an ONNX image classifier.

    Example: thalamus pack net.onnx --name birds --labels birds.txt --size 224 --golden wren.jpg
    """
    check_readable([model, *filter(None, [contents.labels]), *contents.golden])
    _check_name(contents.name)
    encoder = _encoder(input)

    from app.pack import Package, pack
    from app.pack.labels import read_labels

    package = Package(
        contents.name,
        None if contents.labels is None else read_labels(contents.labels),
        encoder,
        contents.scores,
        contents.licence,
        contents.output,
    )
    packed = pack(model, package, contents.golden, contents.models)
    if packed.labels_from is not None:
        print(f"labels: from the graph's metadata {packed.labels_from!r}")
    if contents.scores is None:
        print(f"scores: {packed.scores}, as the golden pictures show")
    print(f"published {packed.folder}")


def _encoder(input: Input) -> "ImageSpec":
    """Return the encoder that the options describe; raise `OperatorError`."""
    width, height = _pixels(input.size)
    _check_normalisation(input)
    if input.crop_fraction != 1 and input.fit != "crop":
        raise OperatorError(f"--crop-fraction: --fit {input.fit} crops nothing")

    from app.modalities.image.spec import ImageSpec

    return ImageSpec(
        width=width,
        height=height,
        channels=input.channels,
        fit=input.fit,
        crop_fraction=input.crop_fraction,
        resample=input.resample,
        layout=input.layout,
        channel_order=input.order,
        dtype=input.dtype,
        mean=input.mean,
        std=input.std,
    )


def _check_normalisation(input: Input) -> None:
    """Raise `OperatorError` unless means and deviations are those of pixels from 0 to 1."""
    for option, numbers in (("--mean", input.mean), ("--std", input.std)):
        given = ", ".join(f"{number:g}" for number in numbers)
        if numbers and input.dtype == "uint8":
            raise OperatorError(f"{option}: a graph that takes uint8 normalises by itself")
        if len(numbers) not in (0, input.channels):
            raise OperatorError(
                f"{option}: expected {input.channels} numbers, got {len(numbers)}: {given}"
            )
        expected = "from 0 to 1" if option == "--mean" else "above 0, at most 1"
        for number in numbers:
            if isfinite(number) and number > 1:
                raise OperatorError(
                    f"{option}: pixels are divided by 255 first, so expected numbers {expected}, "
                    f"got {given}; write {number / 255:.4g} for {number:g} / 255"
                )
            if not 0 <= number <= 1 or (option == "--std" and number == 0):
                raise OperatorError(f"{option}: expected numbers {expected}, got {given}")


def _check_name(name: str) -> None:
    from app.bundle.manifest import wrong_name

    if wrong := wrong_name(name):
        raise OperatorError(f"--name: {wrong}")


def _pixels(size: str) -> tuple[int, int]:
    """Return width and height; raise `OperatorError`."""
    found = re.fullmatch(r"([0-9]{1,4})(?:x([0-9]{1,4}))?", size)
    numbers = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(1 <= number <= _LARGEST for number in numbers):
        raise OperatorError(
            f"--size: expected WIDTHxHEIGHT in pixels, each from 1 to {_LARGEST}, got {size!r}"
        )
    return numbers
