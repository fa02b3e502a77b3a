"""The input of a packed graph: means of pixels from 0 to 1, free axes, the crop of the picture."""

import numpy as np
import pytest
from PIL import Image

from app.modalities import Payload
from app.pipeline import Pipeline, replay
from tests.app.pack.graphs import COLOURS, colour_graph
from tests.app.pack.packing import SIZE, Files, golden_answers
from tests.media import picture, saved

MODEL = colour_graph().SerializeToString()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--mean 104 117 123", "--mean: pixels are divided by 255 first, so expected numbers from "
         "0 to 1, got 104, 117, 123; write 0.4078 for 104 / 255"),
        ("--std 0.2 57.375 0.2", "got 0.2, 57.375, 0.2; write 0.225 for 57.375 / 255"),
        ("--mean 0.5 0.5", "--mean: expected 3 numbers, got 2: 0.5, 0.5"),
        ("--std 0.5", "--std: expected 3 numbers, got 1: 0.5"),
        ("--channels 1 --mean 0.5 0.5", "--mean: expected 1 numbers, got 2"),
        ("--std 0 1 1", "--std: expected numbers above 0, at most 1, got 0, 1, 1"),
        ("--std -1 1 1", "--std: expected numbers above 0, at most 1, got -1, 1, 1"),
        ("--mean nan 0 0", "--mean: expected numbers from 0 to 1, got nan, 0, 0"),
        ("--std nan 1 1", "--std: expected numbers above 0, at most 1, got nan, 1, 1"),
        ("--std inf 1 1", "--std: expected numbers above 0, at most 1, got inf, 1, 1"),
        ("--mean -0.1 0 0", "--mean: expected numbers from 0 to 1, got -0.1, 0, 0"),
        ("--dtype uint8 --mean 0 0 0", "--mean: a graph that takes uint8 normalises by itself"),
        ("--size 0x8", "--size: expected WIDTHxHEIGHT in pixels, each from 1 to 4096, got '0x8'"),
        ("--size 8x", "each from 1 to 4096, got '8x'"),
        ("--size 8x5000", "each from 1 to 4096, got '8x5000'"),
        ("--crop-fraction 0", "--crop-fraction: expected a number from 0.01 to 1, got '0'"),
        ("--crop-fraction 0.9 --fit pad", "--crop-fraction: --fit pad crops nothing"),
        ("--name Not-A-Name", "--name: expected lower-case letters, digits and hyphens"),
        ("--size 9", "the options say image float32 ('batch', 3, 9, 9): see --size"),
        ("--layout NHWC", "the options say image float32 ('batch', 8, 8, 3): see --size"),
        ("--models /dev/null", "cannot write the bundle mine/1 to /dev/null: Not a directory"),
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_right_is_named(
    options: str, complaint: str, files: Files
) -> None:
    assert complaint in files.refusal(MODEL, *options.split())


@pytest.mark.parametrize("size", ["8x8", "12x16"])
def test_a_free_axis_takes_any_size(size: str, files: Files) -> None:
    model = colour_graph(side="side").SerializeToString()
    assert files.pack(model, "--size", size) == 0
    bundle = files.bundle()
    pipeline = Pipeline(bundle)
    assert golden_answers(pipeline) == list(COLOURS)
    assert replay(bundle, pipeline) == []
    width, height = map(int, size.split("x"))
    pixels = pipeline.encoder.encode(Payload(picture(SIZE), "image/png")).arrays["image"]
    assert pixels.shape == (3, height, width)


def test_the_crop_and_the_filter_are_those_of_the_options(files: Files) -> None:
    options = ("--crop-fraction", "0.5", "--resample", "bilinear")
    assert files.pack(MODEL, *options) == 0
    bundle = files.bundle()
    framed = Image.new("RGB", (64, 64), "white")
    framed.paste((0, 0, 0), (16, 16, 48, 48))
    pixels = Pipeline(bundle).encoder.encode(Payload(saved(framed), "image/png"))
    assert np.abs(pixels.arrays["image"]).max() < 0.1  # nothing of the frame but a filter's edge
    assert bundle.manifest.encoder.resample == "bilinear"
