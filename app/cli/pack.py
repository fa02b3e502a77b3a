"""`thalamus pack`: make a bundle of an ONNX image classifier trained elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from app.command_line import check_readable
from app.errors import OperatorError

_LABELS = Group("Bundle", sort_key=1)
_INPUT = Group("Input of the network", sort_key=2)


@Parameter(name="*", group=_LABELS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The contents of the bundle besides the graph."""

    name: Annotated[str, Parameter(help="Name of the model: lower-case letters, digits, hyphens.")]
    labels: Annotated[Path, Parameter(help="Text file with one label a line, in output order.")]
    golden: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Pictures whose answers are stored, and compared at every load.",
            consume_multiple=True,
        ),
    ]
    scores: Annotated[
        Literal["probabilities", "logits"], Parameter(help="What the network's output is.")
    ] = "logits"
    licence: Annotated[str, Parameter(help="Licence of the weights.")] = "not stated"
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
            help="Subtracted from x / 255, one number a channel. Default: 0.",
            consume_multiple=True,
            show_default=False,
            metavar="X...",
        ),
    ] = ()
    std: Annotated[
        tuple[float, ...],
        Parameter(
            help="Divides what is left, one number a channel. Default: 1.",
            consume_multiple=True,
            show_default=False,
            metavar="X...",
        ),
    ] = ()
    fit: Annotated[
        Literal["crop", "pad", "stretch"],
        Parameter(help="How a picture of another shape is brought to the size."),
    ] = "crop"


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
    check_readable([model, contents.labels, *contents.golden])
    width, height = _pixels(input.size)
    _check_normalisation(input)

    from pydantic import ValidationError

    from app.modalities.image.spec import ImageSpec
    from app.pack import Package, pack

    lines = contents.labels.read_text("utf-8").splitlines()
    labels = tuple(line for line in lines if line.strip())
    try:
        encoder = ImageSpec(
            width=width,
            height=height,
            channels=input.channels,
            fit=input.fit,
            layout=input.layout,
            channel_order=input.order,
            dtype=input.dtype,
            mean=input.mean,
            std=input.std,
        )
        package = Package(contents.name, labels, encoder, contents.scores, contents.licence)
        folder = pack(model, package, list(contents.golden), contents.models)
    except ValidationError as error:
        first = error.errors()[0]
        raise OperatorError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    print(f"published {folder}")


def _check_normalisation(input: Input) -> None:
    """Raise `OperatorError` unless there is a mean and a deviation for each channel, or none."""
    for option, numbers in (("--mean", input.mean), ("--std", input.std)):
        if len(numbers) not in (0, input.channels):
            raise OperatorError(f"{option}: expected {input.channels} numbers, got {len(numbers)}")


def _pixels(size: str) -> tuple[int, int]:
    """Return width and height; raise `OperatorError`."""
    width, _, height = size.partition("x")
    try:
        return int(width), int(height or width)
    except ValueError:
        raise OperatorError(f"--size is WIDTHxHEIGHT, got {size!r}") from None
