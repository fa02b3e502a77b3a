"""The card of every kind of bundle: its order, its figures, its examples."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from app.bundle import Bundle, Measurement, read_bundle
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests import fakes
from tests.training.conftest import REPOSITORY
from training.exporting.card.data import (
    CardData,
    Headline,
    LabelFigures,
    ReliabilityBins,
    stored_data,
)
from training.exporting.card.render import headline_text, training_section, with_card
from training.fitting.curve import Epoch, History
from training.modalities import TRAINING_MODALITIES

ORDER = (
    *("Intended use and limits", "How to ask", "Reliability", "Confusion", "Examples"),
    *("Provenance", "All figures", "Learning curve", "Cost", "Baseline"),
)
BINS = ReliabilityBins(
    split="test split", edges=(0, 0.5, 1), counts=(0, 9), accuracy=(0, 1), confidence=(0, 0.9)
)
DATA = CardData(
    limits=("Only colours: {accuracy} of them, {accuracy | night} by night.",),
    reliability=BINS,
    confusion=((3, 0, 0), (0, 3, 0), (1, 0, 2)),
    sections={"Cost": "3 s.", "Baseline": "A guess."},
)
METRICS = tuple(
    Measurement(name=name, value=value, split="test", samples=9)
    for name, value in {
        "accuracy": 8 / 9,
        "accuracy of the baseline": 1 / 3,
        "expected calibration error": 0.05,
        "share of answers abstained": 1 / 9,
    }.items()
)


def write_card(bundle: Bundle, data: CardData) -> Bundle:
    """Return the bundle with a card, as the run of a modality writes it."""
    return with_card(bundle, data, TRAINING_MODALITIES[bundle.manifest.encoder.kind].card)


def with_figures(bundle: Bundle) -> Bundle:
    manifest = bundle.manifest.model_copy(update={"metrics": METRICS})
    files = {**bundle.files, "learning-curve.png": b"curve", "old.png": b"old"}
    return Bundle(manifest, files, bundle.golden, bundle.registry)


@pytest.fixture(scope="module")
def made() -> Bundle:
    return write_card(with_figures(fakes.calibrated_bundle()), DATA)


@pytest.fixture(scope="module")
def card(made: Bundle) -> str:
    return made.files["README.md"].decode()


def test_the_sections_come_in_the_order_of_model_hubs(card: str):
    assert tuple(re.findall(r"^## (.*)$", card, re.M)) == ORDER
    title, description, headline = card.split("\n\n")[:3]
    assert (title, description) == ("# calibrated", "A fake for image.")
    assert headline.startswith("**88.89 % of 9 samples (test split) get the right label.**")
    assert "33.33 %" in headline


def test_the_pictures_are_those_that_are_linked(made: Bundle, card: str):
    linked = set(re.findall(r"!\[[^]]+\]\(([^)]*)\)", card))
    pictures = {name for name in made.files if re.fullmatch(r"[\w-]+\.(png|jpg)", name)}
    drawn = {"confusion.png", "reliability.png", "examples.jpg"}
    assert linked == pictures == drawn | {"learning-curve.png"}
    for name in drawn:
        Image.open(io.BytesIO(made.files[name])).verify()


def test_limits_have_their_figures(card: str):
    assert "- Only colours: 88.9 % of them, an unknown share by night." in card
    assert "when the novelty is 0.5 or more. It abstains for 11.1 % of 9 samples" in card


def test_the_long_table_is_folded(card: str):
    folded = card.partition("<details>")[2].partition("</details>")[0]
    assert "4 figures" in folded and "| expected calibration error | 0.0500 | test | 9 |" in folded


def test_the_card_is_written_anew_from_what_the_bundle_stores(made: Bundle):
    assert stored_data(made.files) == DATA
    assert write_card(made, stored_data(made.files)).files == made.files


def test_answers_stay_as_they_are(made: Bundle):
    before = with_figures(fakes.calibrated_bundle())
    assert replay(made, Pipeline(made)) == []
    for name, content in before.files.items():
        if name != "old.png":
            assert made.files[name] == content


def test_without_stored_bins_the_card_says_so():
    text = write_card(fakes.image_bundle(), CardData()).files["README.md"].decode()
    assert "There is no reliability diagram" in text and "reliability.png" not in text
    assert "confusion matrix of this version was not stored" in text
    assert "Its author states no limits." in text
    assert "temperature" in text and "None were measured." in text


MAKERS: dict[str, tuple[Callable[[], Bundle], str]] = {
    "text": (fakes.text_bundle, "| input | answer | probability |"),
    "tree": (fakes.tree_bundle, "→"),
    "audio": (fakes.audio_bundle, "![Examples with their maps](examples.jpg)"),
    "reconstruct": (fakes.autoencoder_bundle, "![Reconstructions](examples.jpg)"),
    "complete": (fakes.words_bundle, "| text | continuation | probability of each word |"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_of_bundle_has_examples_and_requests(kind: str):
    make, expected = MAKERS[kind]
    bundle = make()
    text = write_card(bundle, CardData()).files["README.md"].decode()
    assert expected in text
    assert f"http://localhost:8000/v1/models/{bundle.manifest.name}/{bundle.manifest.task}" in text
    assert ("## Reliability" in text) == (bundle.manifest.task == "classify")


def test_figures_of_each_label_bring_the_interval_and_warnings_come_first():
    figures = (
        LabelFigures(label="red", support=6, recall=1.0, precision=0.75, f1=6 / 7),
        LabelFigures(label="a|b", support=3, recall=1 / 3, f1=0.5),
    )
    data = DATA.model_copy(update={"label_figures": figures, "warnings": ("It is\nno use.",)})
    bundle = write_card(with_figures(fakes.calibrated_bundle()), data)
    text = bundle.files["README.md"].decode()
    assert " Its 95 % interval (Wilson) is 56.50 to 98.01 %." in text  # of 8 in 9
    assert text.index("> **Warning:** It is no use.") < text.index("## Intended use")
    rows = [line for line in text.splitlines() if line.startswith(("| red", "| a\\"))]
    assert rows == [
        "| a\\|b | 3 | 33.3 % | – | 50.0 % |",
        "| red | 6 | 100.0 % | 75.0 % | 85.7 % |",
    ]
    assert stored_data(bundle.files) == data


def test_a_headline_of_its_own_comes_first():
    manifest = with_figures(fakes.image_bundle()).manifest
    own = Headline(figure="share of answers abstained", sentence="Silent: {value} ({split}).")
    assert headline_text(manifest, own) == "**Silent: 0.1111 (test split).**"
    missing = Headline(figure="nothing", sentence="")
    assert headline_text(manifest, missing) == headline_text(manifest, None)


def test_the_card_counts_epochs_and_no_seconds():
    history = History([Epoch(1, 0.9, 0.8, 0.5, 2.0), Epoch(2, 0.4, 0.5, 0.9, 4.0)], kept_epoch=2)
    text = training_section(history)
    assert text == "## Training\n\n2 epochs; the weights are those of epoch 2."
    slower = [replace(epoch, seconds=60.0) for epoch in history.epochs]
    assert training_section(replace(history, epochs=slower)) == text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spam", "spoken-digits", "digits", "listops"])
def test_a_shipped_card_is_what_its_bundle_gives(name: str):
    bundle = read_bundle(REPOSITORY / "models" / name / "1", SHIPPED)
    again = write_card(bundle, stored_data(bundle.files))
    assert again.files["README.md"] == bundle.files["README.md"]
    assert set(again.files) == set(bundle.files)
    assert all(len(again.files[n]) < 61_440 for n in again.files if n.endswith((".png", ".jpg")))
