"""What a model is for, and what it is not for: the section that a reader needs first."""

import re

from app.bundle import Manifest
from app.bundle.upgrade import PACKED
from training.exporting.card.data import CardData
from training.exporting.card.inputs import InputCard
from training.exporting.card.markdown import cell, figure, measured, named_split

_SHOWN = 12  # labels
_PLACE = re.compile(r"\{([^{}]+)\}")


def intended_use(manifest: Manifest, data: CardData, inputs: InputCard) -> str:
    """Return what goes in and comes out, what it learned from, when it abstains, its limits."""
    reads = inputs.reads(manifest.encoder)
    lines = [f"- **Input:** {reads}.", f"- **Answer:** {_answers(manifest)}."]
    origin = manifest.provenance
    if origin.recipe != PACKED:
        count = origin.splits.get("train")
        samples = f", {count:,} training samples" if count else ""
        lines.append(f"- **Trained on:** {origin.data}{samples}.")
    if rules := _abstention(manifest):
        lines.append(f"- **Abstains:** {rules}")
    limits = data.limits or (
        "Its author states no limits. Measure it on your own labelled files "
        f"(`thalamus-train measure {manifest.name} --data FOLDER`) before you rely on it.",
    )
    return "\n".join([*lines, *(f"- {_filled(limit, manifest)}" for limit in limits)])


def _filled(limit: str, manifest: Manifest) -> str:
    """Return a sentence with its figures; one that was not measured is "an unknown share"."""

    def percent(place: re.Match[str]) -> str:
        name, _, split = (part.strip() for part in place[1].partition("|"))
        found = measured(manifest, name, split)
        return "an unknown share" if found is None else f"{100 * found.value:.1f} %"

    return _PLACE.sub(percent, limit)


def _answers(manifest: Manifest) -> str:
    if manifest.task == "complete":
        return "the words that continue the text, each with its probability"
    if manifest.task == "reconstruct":
        return "the reconstructed input, its error, a novelty from 0 to 1, and features"
    shown = cell(", ".join(manifest.labels[:_SHOWN]))
    others = len(manifest.labels) - _SHOWN
    more = f" and {others:,} others" if others > 0 else ""
    return f"a probability for each of {len(manifest.labels):,} labels: {shown}{more}"


def _abstention(manifest: Manifest) -> str:
    """Return when the model abstains, and how often it does; nothing where it never does."""
    reasons = []
    if sets := manifest.conformal:
        reasons.append(
            f"when no label, or every label, has a probability of {figure(sets.threshold)} or "
            f"more (its {100 * sets.coverage:g} % prediction set is then empty or holds all)"
        )
    if confidence := manifest.confidence:
        reasons.append(
            f"when the highest probability is below {figure(confidence.threshold)}, so that "
            f"{100 * confidence.precision:g} % of the other answers are right"
        )
    if novelty := manifest.novelty:
        reasons.append(f"when the novelty is {novelty.threshold:g} or more")
    if not reasons:
        return ""
    share = measured(manifest, "share of answers abstained")
    often = (
        f" It abstains for {100 * share.value:.1f} % of {share.samples:,} samples "
        f"({named_split(share.split)})."
        if share
        else ""
    )
    return f"`abstained` is true {', or '.join(reasons)}.{often}"
