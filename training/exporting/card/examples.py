"""The examples of a card: golden cases, asked through the service's own pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.bundle import Bundle, GoldenCase
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.modalities.text.explanation import TokenWeight
from app.modalities.tree.phrases import Phrase
from app.pipeline import Pipeline
from app.pipeline.replay import golden_answers, golden_payload
from app.tasks.classify import ClassifyOptions, Prediction
from app.tasks.reconstruct import NOVELTY_THRESHOLD, GoldenReconstruction, Reconstruction
from training.exporting.card.maps import Shown, draw_images, draw_sounds
from training.exporting.card.markdown import cell, code, table

EXAMPLES = "examples.jpg"
MOST = 5, 4  # cases, and cases that are sounds
_EACH = 4  # reconstructions of each kind, familiar and novel
_PARTS, _LONGEST = 6, 160  # parts of an explanation, characters of a text


@dataclass(frozen=True, slots=True)
class CardExamples:
    """Markdown, and the picture in it by file name."""

    text: str
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def examples_of(bundle: Bundle) -> CardExamples:
    """Answer golden cases of a bundle, and show them with what led to each answer."""
    pipeline = Pipeline(bundle)
    cases = _chosen(bundle)
    payloads = [golden_payload(bundle, case) for case in cases]
    show = {"classify": _classified, "reconstruct": _reconstructed, "complete": _completed}
    return show.get(pipeline.task.name, _others)(pipeline, cases, payloads)


def _chosen(bundle: Bundle) -> Sequence[GoldenCase]:
    """Return the first cases; of reconstructions the first familiar and the first novel ones."""
    if bundle.manifest.task != "reconstruct":
        return bundle.golden[: MOST[bundle.manifest.modality == "audio"]]
    novel = [
        isinstance(c, GoldenReconstruction) and c.novelty >= NOVELTY_THRESHOLD
        for c in bundle.golden
    ]
    pairs = [*zip(bundle.golden, novel, strict=True)]
    return [case for kind in (False, True) for case in [c for c, n in pairs if n == kind][:_EACH]]


def _classified(
    pipeline: Pipeline, cases: Sequence[GoldenCase], payloads: Sequence[Payload]
) -> CardExamples:
    answers = pipeline.predict(payloads, ClassifyOptions(explain=True))
    shown = [
        Shown(f"{a.label}  {a.probability:.3f}", pipeline.encoder.encode(p).arrays, a.explanation)
        for p, a in zip(payloads, answers, strict=True)
    ]
    pictures = _drawn(pipeline, shown)
    parts = [_explained(answer) for answer in answers]
    heads = ["input", "answer", "probability"]
    heads += ["novelty"] * (answers[0].novelty is not None)
    heads += ["abstains"] * (answers[0].abstained is not None)
    heads += ["what led to it"] * any(parts)
    rows = [
        [_input(case, payload), cell(answer.label), f"{answer.probability:.3f}", *_trust(answer)]
        + ([part] if any(parts) else [])
        for case, payload, answer, part in zip(cases, payloads, answers, parts, strict=True)
    ]
    return CardExamples(f"{_caption(pipeline, pictures)}{table(heads, rows)}", pictures)


def _trust(answer: Prediction) -> list[str]:
    novelty = [] if answer.novelty is None else [f"{answer.novelty:.3f}"]
    return novelty + ([] if answer.abstained is None else ["yes" if answer.abstained else "no"])


def _drawn(pipeline: Pipeline, shown: Sequence[Shown]) -> dict[str, bytes]:
    """Return the picture of images or sounds; none of texts, or of tensors that are no pixels."""
    spec = pipeline.manifest.encoder
    if isinstance(spec, ImageSpec):
        plain = (spec.layout, spec.dtype, spec.channel_order) == ("NHWC", "uint8", "RGB")
        return {EXAMPLES: draw_images(shown)} if plain else {}
    if spec.kind == "audio":
        return {EXAMPLES: draw_sounds(shown, pipeline.manifest)}
    return {}


def _caption(pipeline: Pipeline, pictures: Mapping[str, bytes]) -> str:
    if not pictures:
        return ""
    kind = pipeline.manifest.encoder.kind
    what = (
        "The spectrogram of each sound" if kind == "audio" else "Each image as the model reads it"
    )
    return (
        f"{what}, with the answer and its probability. Below it the map of what led to the "
        f"answer: the redder, the more.\n\n![Examples with their maps]({EXAMPLES})\n\n"
    )


def _explained(answer: Prediction) -> str:
    """Return the heaviest tokens of a text, or the largest phrases of a tree; else nothing."""
    parts = answer.explanation if isinstance(answer.explanation, list) else []
    if parts and isinstance(parts[0], TokenWeight):
        weights: dict[str, float] = {}
        for token in sorted(parts, key=lambda token: -token.weight):
            weights.setdefault(token.text.strip(), token.weight)
        heaviest = [*weights.items()][:_PARTS]
        return ", ".join(f"{code(text)} {weight:.2f}" for text, weight in heaviest)
    if parts and isinstance(parts[0], Phrase):
        inner = [part for part in parts[1:] if " " in part.text] or parts[1:]
        return "; ".join(
            f"{code(part.text)} → {cell(part.label)} {part.probability:.2f}"
            for part in inner[:_PARTS]
        )
    return ""


def _reconstructed(
    pipeline: Pipeline, cases: Sequence[GoldenCase], payloads: Sequence[Payload]
) -> CardExamples:
    answers: list[Reconstruction] = pipeline.predict(payloads)
    shown = [
        Shown(
            f"novelty {answer.novelty:.2f}",
            pipeline.encoder.encode(payload).arrays,
            reconstruction=answer.picture,
        )
        for payload, answer in zip(payloads, answers, strict=True)
    ]
    pictures = _drawn(pipeline, shown)
    heads = ["input", "novelty", "reconstruction error", f"novel (from {NOVELTY_THRESHOLD:g} on)"]
    rows = [
        [
            _input(case, payload),
            f"{answer.novelty:.3f}",
            f"{answer.error:.4f}",
            "yes" if answer.novelty >= NOVELTY_THRESHOLD else "no",
        ]
        for case, payload, answer in zip(cases, payloads, answers, strict=True)
    ]
    caption = f"Inputs, and below each its reconstruction.\n\n![Reconstructions]({EXAMPLES})\n\n"
    return CardExamples((caption if pictures else "") + table(heads, rows), pictures)


def _completed(
    pipeline: Pipeline, cases: Sequence[GoldenCase], payloads: Sequence[Payload]
) -> CardExamples:
    generations = golden_answers(pipeline, payloads)
    rows = [
        [
            _input(case, payload),
            cell(made.text.strip()),
            ", ".join(f"{code(word.word)} {word.probability:.2f}" for word in made.words),
        ]
        for case, payload, made in zip(cases, payloads, generations, strict=True)
    ]
    return CardExamples(table(["text", "continuation", "probability of each word"], rows))


def _others(
    pipeline: Pipeline, cases: Sequence[GoldenCase], payloads: Sequence[Payload]
) -> CardExamples:
    tops = [pipeline.task.top_answer(answer) for answer in golden_answers(pipeline, payloads)]
    rows = [
        [_input(case, payload), cell(top), f"{score:.3f}"]
        for case, payload, (top, score) in zip(cases, payloads, tops, strict=True)
    ]
    return CardExamples(table(["input", "answer", "score"], rows))


def _input(case: GoldenCase, payload: Payload) -> str:
    """Return the beginning of a text, else the name of the file, and where it is from."""
    note = f" ({cell(case.note)})" if case.note else ""
    if not payload.media_type.startswith("text/"):
        return f"`golden/{case.file}`{note}"
    text = " ".join(payload.data.decode(errors="replace").split())
    return code(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
