"""Whether a new version may serve: what it is compared with, and what the card says of it.

A classifier is compared with the version that serves now, on test samples that neither learnt from
(see `training.measuring.version_comparison`). Where that cannot be done, nobody knows whether the
new version is better, so it is held: `docs/decisions/0053-a-worse-version-is-held.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from app.bundle import Bundle, Manifest, read_bundle
from app.errors import ThalamusError
from app.pipeline import Pipeline
from training.data.dataset import Sample
from training.data.learnt_samples import LEARNT_SAMPLES, unrecorded
from training.exporting.card.markdown import table
from training.measuring.version_comparison import (
    VersionComparison,
    compare_answers,
    draw_samples,
    right_answers,
)

PublishPolicy = Literal["if-better", "always", "never"]
MIN_COMPARED = 10  # samples; of fewer, one answer would count for more than ten points
_SHOWN, _LONGEST_LABEL, _LONGEST_REASON = 3, 40, 400  # labels; characters


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a run publishes, and whether what it publishes serves at once.

    models: the folder of bundles. policy: `if-better`, held where it is not known to be as good as
    the version that serves; `always`, never held; `never`, held. held_out: labelled samples that
    the run did not learn from, to compare on; without them `if-better` holds nothing. why: the
    reason of `never`.
    """

    models: Path
    policy: PublishPolicy = "if-better"
    held_out: Sequence[Sample] = ()
    why: str = "it was published with --publish never"


@dataclass(frozen=True, slots=True)
class ServingDecision:
    """Whether a new version is held.

    reason: why it is; None where it may serve. heading, text: what the card says of it, Markdown;
    empty where there is nothing to say. line: what was compared, for the terminal.
    """

    reason: str | None = None
    heading: str = ""
    text: str = ""
    line: str = ""

    def sections(self, manifest: Manifest) -> dict[str, str]:
        """Return the section for the card of the version with this manifest."""
        if not self.heading:
            return {}
        name = f"{manifest.name} {manifest.version}"
        held = (
            f"This version was held when it was published: {self.reason}. It does not serve before "
            f"`thalamus models release {name}`."
        )
        return {
            self.heading: "\n\n".join([self.text, held] if self.reason else [self.text]).strip()
        }


def decide_serving(
    candidate: Bundle, serving: int | None, publication: Publication
) -> ServingDecision:
    """Compare a new version with the one that serves, if any.

    candidate: proved; its number plays no part. Every failure to read or to run the version that
    serves is a reason to hold the new one, and no error.
    """
    if publication.policy == "never":
        return ServingDecision(publication.why, "Held")
    if publication.policy == "always" or serving is None or not publication.held_out:
        return ServingDecision()
    heading = f"Compared with version {serving}"
    folder = publication.models / candidate.manifest.name / str(serving)
    try:
        before = read_bundle(folder, candidate.registry)
        found = _compared(before, candidate, publication.held_out)
    except (ThalamusError, ValueError) as error:
        reason = f"version {serving}, which serves, cannot be compared with: {error}"
        return ServingDecision(_plain(reason), heading)
    if isinstance(found, str):
        return ServingDecision(_plain(found), heading)
    return ServingDecision(
        _loss(found, serving), heading, _account(found, serving), _line(found, before.manifest)
    )


def _compared(before: Bundle, after: Bundle, held_out: Sequence[Sample]) -> VersionComparison | str:
    """Compare two versions; return why they cannot be compared otherwise."""
    if change := _change(before.manifest, after.manifest):
        return change
    samples = _new_to_both(before, after.manifest, held_out)
    if samples is None:
        return (
            f"version {before.manifest.version} has no record of the samples that it learnt from, "
            "so none is known to be new to it"
        )
    if shortage := _shortage(samples, before.manifest):
        return shortage
    drawn = draw_samples(samples)
    right = [_right(bundle, drawn) for bundle in (before, after)]
    return compare_answers([sample.label for sample in drawn], *right)


def _change(before: Manifest, after: Manifest) -> str | None:
    """Return what would surprise clients in the new version, however accurate it is."""
    for what, old, new in (
        ("task", before.task, after.task),
        ("modality", before.modality, after.modality),
    ):
        if old != new:
            return f"its {what} is {new}, that of version {before.version} is {old}"
    came = [label for label in after.labels if label not in before.labels]
    went = [label for label in before.labels if label not in after.labels]
    if not came and not went:
        return None
    named = (("new", came), ("gone", went))
    parts = "; ".join(f"{word}: {_some(labels)}" for word, labels in named if labels)
    return f"its labels differ from those of version {before.version}; {parts}"


def _new_to_both(
    before: Bundle, after: Manifest, held_out: Sequence[Sample]
) -> Sequence[Sample] | None:
    """Return those of the new version's test samples that the old one did not learn from either.

    None where that is not known: the old version has no record, and was made of other data or by
    another recipe. The same data, recipe and sizes of the splits mean the same splits.
    """
    record = before.files.get(LEARNT_SAMPLES)
    if record is not None:
        return unrecorded(record, held_out)
    old, new = before.manifest.provenance, after.provenance
    made_of = [(each.recipe, each.data_sha256, each.splits) for each in (old, new)]
    return held_out if made_of[0] == made_of[1] else None


def _shortage(samples: Sequence[Sample], before: Manifest) -> str | None:
    """Return why there are too few samples to compare on."""
    new = f"test samples that neither it nor version {before.version} learnt from"
    if len(samples) < MIN_COMPARED:
        return f"{len(samples)} {new} are too few; expected {MIN_COMPARED} or more"
    present = {sample.label for sample in samples}
    if without := [label for label in before.labels if label not in present]:
        return f"there are no {new} of {_some(without)}"
    return None


def _right(bundle: Bundle, samples: Sequence[Sample]) -> list[bool]:
    """Ask a version that is in memory for this long only."""
    pipeline = Pipeline(bundle)
    try:
        return right_answers(pipeline, samples)
    finally:
        pipeline.close()


def _loss(found: VersionComparison, serving: int) -> str | None:
    if found.is_a_guess and not found.is_worse:
        return (
            f"its balanced accuracy, {_percent(found.after)}, is that of a guess, "
            f"{_percent(found.chance)}, within one standard error; that of version {serving} on "
            f"the same {found.samples} test samples is {_percent(found.before)}"
        )
    if not found.is_worse:
        return None
    return (
        f"its balanced accuracy, {_percent(found.after)}, is lower than that of version {serving}, "
        f"{_percent(found.before)}, on the same {found.samples} test samples, by more than one "
        f"standard error ({100 * found.standard_error:.1f} points)"
    )


def _account(found: VersionComparison, serving: int) -> str:
    """Return what was compared, as Markdown."""
    rows = [
        ("balanced accuracy", _percent(found.before), _percent(found.after)),
        ("right where the other is wrong", found.lost, found.gained),
    ]
    return (
        f"On {found.samples:,} test samples that neither version learnt from.\n\n"
        f"{table(['', f'version {serving}', 'this version'], rows)}\n\n"
        f"The balanced accuracy changes by {100 * found.difference:+.1f} points. The standard "
        f"error of this change, paired by sample, is {100 * found.standard_error:.1f} points."
    )


def _line(found: VersionComparison, before: Manifest) -> str:
    return (
        f"balanced accuracy on {found.samples} test samples that are new to both: "
        f"{_percent(found.before)} of {before.name}/{before.version}, {_percent(found.after)} now; "
        f"standard error of the difference {100 * found.standard_error:.1f} points"
    )


def _percent(share: Fraction) -> str:
    return f"{100 * float(share):.1f} %"


def _some(labels: Sequence[str]) -> str:
    shown = [
        label if len(label) <= _LONGEST_LABEL else f"{label[:_LONGEST_LABEL]}…" for label in labels
    ]
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return ", ".join(repr(label) for label in shown[:_SHOWN]) + more


def _plain(text: str) -> str:
    """Return a text in one line of printable characters, for `serving.json` and the card."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"
