"""The model card: manifest, golden cases and what a run adds → README.md and its pictures.

Its order is the one that people know from model hubs. Everything in it is stored in the bundle, so
it can be written anew at any time: nothing is measured here.
"""

from collections.abc import Collection, Sequence

import numpy as np

from app.bundle import Bundle, Manifest, Measurement
from app.bundle.publish import seal
from app.bundle.rewrite import is_card_file
from training.exporting.card.data import (
    CARD,
    CONFUSION,
    CURVE,
    DATA,
    RELIABILITY,
    CardData,
    Headline,
)
from training.exporting.card.examples import CardExamples, examples_of
from training.exporting.card.figures import (
    MOST_LABELS,
    draw_confusion,
    draw_reliability,
    wilson,
)
from training.exporting.card.inputs import InputCard
from training.exporting.card.intended_use import intended_use
from training.exporting.card.labels import labels_table
from training.exporting.card.markdown import cell, figure, measured, named_split, table
from training.exporting.card.provenance import provenance
from training.exporting.card.usage import usage
from training.fitting.curve import History

ACCURACY, ERROR = "accuracy", "expected calibration error"
BY_CHANCE = f"{ERROR} of perfectly calibrated answers, by chance"
_HEADLINES = (
    Headline(
        figure=ACCURACY,
        sentence="{percent} % of {samples} samples ({split}) get the right label.",
        baseline="accuracy of the baseline",
        comparison="The baseline (described below) reaches {percent} % on the same samples.",
    ),
    Headline(
        figure="perplexity",
        sentence="Perplexity {value} on {samples} words ({split}); lower is better.",
        baseline="perplexity of the baseline",
        comparison="The baseline (described below) has {value} on the same words.",
    ),
    Headline(
        figure="mean squared error of the reconstruction",
        sentence="Mean squared error of the reconstruction {value} on {samples} images ({split}).",
    ),
)


def with_card(bundle: Bundle, data: CardData, inputs: InputCard) -> Bundle:
    """Return the sealed bundle with its card, the pictures in it, and `card.json`.

    Of the old card's pictures the learning curve stays; all else is drawn anew. Graph, golden
    cases and manifest stay, but for the digests. inputs: of the modality of the bundle's encoder.
    """
    kept = {
        name: content
        for name, content in bundle.files.items()
        if not is_card_file(name) or name == CURVE
    }
    examples = examples_of(bundle, inputs)
    pictures = {**examples.pictures, **drawn(bundle.manifest, data)}
    text = render(bundle, data, inputs, examples, {CURVE} & set(kept) | set(pictures))
    files = {**kept, **pictures, CARD: text, DATA: data.json_bytes()}
    return seal(bundle.manifest, files, bundle.registry)


def drawn(manifest: Manifest, data: CardData) -> dict[str, bytes]:
    """Return the diagrams of stored figures by file name, PNG."""
    files = {}
    if data.confusion and len(manifest.labels) <= MOST_LABELS:
        files[CONFUSION] = draw_confusion(np.asarray(data.confusion), manifest.labels)
    if data.reliability is not None:
        files[RELIABILITY] = draw_reliability(data.reliability)
    return files


def render(
    bundle: Bundle,
    data: CardData,
    inputs: InputCard,
    examples: CardExamples,
    pictures: Collection[str],
) -> bytes:
    """Return the card in Markdown; `pictures` are the names of those that the bundle has."""
    manifest = bundle.manifest
    parts = [f"# {manifest.name}", manifest.description]
    if headline := headline_text(manifest, data.headline):
        parts.append(f"{headline}{_interval(manifest, data)}")
    parts += [f"> **Warning:** {cell(warning)}" for warning in data.warnings]
    parts += ["## Intended use and limits", intended_use(manifest, data, inputs)]
    parts += ["## How to ask", usage(bundle)]
    if manifest.task == "classify":
        parts += ["## Reliability", _reliability(manifest, data)]
        parts += ["## Confusion", _confusion(manifest, data if CONFUSION in pictures else None)]
    if data.label_figures:
        parts += ["## Labels", labels_table(data.label_figures)]
    parts += ["## Examples", examples.text]
    parts += ["## Provenance", provenance(manifest)]
    parts += ["## All figures", _figures(manifest.metrics)]
    if CURVE in pictures:
        parts += ["## Learning curve", _CURVE_TEXT]
    for heading, text in data.sections.items():
        parts += [f"## {heading}", text]
    return ("\n\n".join(parts).rstrip() + "\n").encode()


def training_section(history: History) -> str:
    """Return the section on the number of epochs; seconds would differ from run to run."""
    count = len(history.epochs)
    return (
        f"## Training\n\n{count} epoch{'s' if count > 1 else ''}; the weights are those of epoch "
        f"{history.kept_epoch}."
    )


def headline_text(manifest: Manifest, headline: Headline | None) -> str:
    """Return the figure that the card opens with, and its baseline; nothing without figures."""
    for wanted in (headline, *_HEADLINES):
        found = wanted and measured(manifest, wanted.figure, wanted.split)
        if wanted and found:
            said = [f"**{_fill(wanted.sentence, found)}**"]
            if baseline := measured(manifest, wanted.baseline):
                said.append(_fill(wanted.comparison, baseline))
            return " ".join(said)
    return ""


def _interval(manifest: Manifest, data: CardData) -> str:
    """Return the 95 % interval of the accuracy, of versions that have figures of each label."""
    share = measured(manifest, ACCURACY)
    if share is None or not data.label_figures:
        return ""
    bounds = wilson(np.asarray(share.value), np.asarray(max(share.samples, 1)))
    low, high = (f"{100 * min(max(float(bound), 0), 1):.2f}" for bound in bounds)
    return f" Its 95 % interval (Wilson) is {low} to {high} %."


def _fill(sentence: str, found: Measurement) -> str:
    return sentence.format(
        percent=f"{100 * found.value:.2f}",
        value=f"{found.value:.4g}" if found.value < 1 else f"{found.value:.1f}",
        samples=f"{found.samples:,}",
        split=named_split(found.split),
    )


def _reliability(manifest: Manifest, data: CardData) -> str:
    found = measured(manifest, ERROR, data.headline.split if data.headline else "")
    chance = found and measured(manifest, BY_CHANCE, found.split)
    said = []
    if found:
        by_chance = (
            f"; perfectly calibrated answers would have {100 * chance.value:.2f} % by chance"
            if chance
            else ""
        )
        said.append(
            f"Expected calibration error {100 * found.value:.2f} % on {found.samples:,} samples "
            f"({named_split(found.split)}){by_chance}."
        )
    if bins := data.reliability:
        said += [
            f"![Reliability diagram]({RELIABILITY})",
            f"Measured on {bins.samples:,} samples: {bins.split}. A point is a bin of answers of "
            "like confidence: above the dashed line the model is right more often than it says, "
            "below it less often. Below: the number of samples in each bin.",
        ]
    else:
        said.append(
            "There is no reliability diagram: no bins were stored when this version was measured, "
            "and its samples are not measured again for a diagram."
        )
    return "\n\n".join(said)


def _confusion(manifest: Manifest, drawn: CardData | None) -> str:
    """Return the section on the confusion matrix; drawn: what it was drawn of, if it was."""
    if drawn is not None:
        count = sum(map(sum, drawn.confusion))
        splits = (m.split for m in manifest.metrics if (m.name, m.samples) == (ACCURACY, count))
        where = f" ({named_split(split)})" if (split := next(splits, "")) else ""
        return (
            f"![Confusion matrix]({CONFUSION})\n\n{count:,} samples{where}. A row is the true "
            "label, a column the predicted one; the numbers count samples, the shade is the share "
            "of the row."
        )
    if len(manifest.labels) > MOST_LABELS:
        return f"With {len(manifest.labels):,} labels the confusion matrix is not drawn."
    return "The confusion matrix of this version was not stored."


def _figures(metrics: Sequence[Measurement]) -> str:
    rows = [(cell(m.name), figure(m.value), cell(m.split), str(m.samples)) for m in metrics]
    if not rows:
        return "None were measured."
    listed = table(["figure", "value", "on", "samples"], rows)
    return (
        f"<details>\n<summary>{len(rows)} figures, as measured when this version was made"
        f"</summary>\n\n{listed}\n\n</details>"
    )


_CURVE_TEXT = (
    f"![Learning curve]({CURVE})\n\nThe dotted line marks the epoch whose weights were kept. "
    "The training loss can be above the validation loss: augmentation, dropout and smoothed labels "
    "act on training samples only."
)
