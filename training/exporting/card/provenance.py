"""Where a bundle comes from, and by what its thresholds were set: a table of the card."""

import shlex
from collections.abc import Mapping

from app.bundle import Manifest, Provenance
from app.bundle.upgrade import OWN_DATA, PACKED
from training.exporting.card.markdown import cell, figure, table


def provenance(manifest: Manifest) -> str:
    """Return the table: command, start, data, licences, seed, code, splits and thresholds."""
    origin = manifest.provenance
    rows = [
        ("made by", f"`{command(origin)}`"),
        *([("start", origin.start)] if origin.start else []),
        *([("trained network", origin.source)] if origin.source else []),
        ("data", f"{origin.data} ({origin.data_licence})"),
        ("source of the data", origin.data_source),
        ("sha256 of the data", f"`{origin.data_sha256}`"),
        *([("samples", _counts(origin.splits))] if origin.splits else []),
        ("seed", str(origin.seed)),
        *([("CPU threads", str(origin.threads))] if origin.threads else []),
        *([("learning rate", f"{origin.learning_rate:g}")] if origin.learning_rate else []),
        ("code", origin.code),
        ("precision", manifest.precision),
        *_threshold_rows(manifest),
        ("licence of the weights", manifest.licence),
    ]
    return table(["", ""], [(name, cell(text)) for name, text in rows])


def command(origin: Provenance) -> str:
    """Return the command that made the bundle."""
    if origin.recipe == PACKED:
        return "thalamus pack"
    data = f"--data {shlex.quote(origin.data_path or '')}"
    what = data if origin.recipe == OWN_DATA else origin.recipe
    started = origin.source and origin.start
    start = f" --start {origin.start} --from {origin.source}" if started else ""
    return f"thalamus-train train {what}{start}"


def _threshold_rows(manifest: Manifest) -> list[tuple[str, str]]:
    """Return the rows on temperature, prediction sets and novelty, where the model has them."""
    rows = [("temperature", f"{manifest.temperature:.3f}")] if manifest.labels else []
    if sets := manifest.conformal:
        rows.append(
            (
                "prediction set",
                f"{100 * sets.coverage:g} %, split conformal ({sets.method.upper()}): every label "
                f"with a probability of {figure(sets.threshold)} or more; threshold set on "
                f"{sets.samples:,} held-out samples that chose neither the epoch nor the "
                "temperature",
            )
        )
    if rule := manifest.confidence:
        rows.append(
            (
                "confidence",
                f"answers with a probability of {figure(rule.threshold)} or more, "
                f"{100 * rule.answered:.1f} % of {rule.samples:,} held-out samples, are right for "
                f"{100 * rule.precision:g} % or more with {100 * rule.level:g} % confidence (fixed "
                "sequence testing, exact binomial bound)",
            )
        )
    if novelty := manifest.novelty:
        outliers = " and training outliers" if novelty.method == "outlier-exposure" else ""
        rows.append(
            (
                "novelty",
                f"{novelty.method}, fitted to the training split{outliers}; "
                f"{100 * (1 - novelty.kept):.2g} % of {novelty.samples:,} held-out samples reach "
                f"its threshold {novelty.threshold:g}",
            )
        )
    return rows


def _counts(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {part}" for part, count in splits.items())
