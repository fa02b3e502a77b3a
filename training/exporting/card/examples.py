"""The examples of a card: golden cases, asked through the service's own pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.bundle import Bundle, GoldenCase
from app.modalities import Payload
from app.pipeline import Pipeline
from app.pipeline.replay import golden_answers, golden_payload
from app.tasks.classify import ClassifyOptions, Prediction
from app.tasks.reconstruct import NOVELTY_THRESHOLD, GoldenReconstruction, Reconstruction
from training.exporting.card.inputs import InputCard
from training.exporting.card.maps import Shown
from training.exporting.card.markdown import cell, code, table

EXAMPLES = "examples.jpg"
_EACH = 4  # reconstructions of each kind, familiar and novel
_LONGEST = 160  # characters of a text


@dataclass(frozen=True, slots=True)
class CardExamples:
    """Markdown, and the picture in it by file name."""

    text: str
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def examples_of(bundle: Bundle, inputs: InputCard) -> CardExamples:
    """Answer golden cases of a bundle, and show them with what led to each answer."""
    pipeline = Pipeline(bundle)
    cases = _chosen(bundle, inputs.most)
    payloads = [golden_payload(bundle, case) for case in cases]
    show = {"classify": _classified, "reconstruct": _reconstructed, "complete": _completed}
    return show.get(pipeline.task.name, _others)(pipeline, inputs, cases, payloads)


def _chosen(bundle: Bundle, most: int) -> Sequence[GoldenCase]:
    """Return the first cases; of reconstructions the first familiar and the first novel ones."""
    if bundle.manifest.task != "reconstruct":
        return bundle.golden[:most]
    novel = [
        isinstance(c, GoldenReconstruction) and c.novelty >= NOVELTY_THRESHOLD
        for c in bundle.golden
    ]
    pairs = [*zip(bundle.golden, novel, strict=True)]
    return [case for kind in (False, True) for case in [c for c, n in pairs if n == kind][:_EACH]]


def _classified(
    pipeline: Pipeline,
    inputs: InputCard,
    cases: Sequence[GoldenCase],
    payloads: Sequence[Payload],
) -> CardExamples:
    answers = pipeline.predict(payloads, ClassifyOptions(explain=True))
    shown = [
        Shown(f"{a.label}  {a.probability:.3f}", pipeline.encoder.encode(p).arrays, a.explanation)
        for p, a in zip(payloads, answers, strict=True)
    ]
    pictures = _drawn(pipeline, inputs, shown)
    parts = [inputs.parts(answer.explanation) for answer in answers]
    heads = ["input", "answer", "probability"]
    heads += ["novelty"] * (answers[0].novelty is not None)
    heads += ["abstains"] * (answers[0].abstained is not None)
    heads += ["what led to it"] * any(parts)
    rows = [
        [_input(case, payload), cell(answer.label), f"{answer.probability:.3f}", *_trust(answer)]
        + ([part] if any(parts) else [])
        for case, payload, answer, part in zip(cases, payloads, answers, parts, strict=True)
    ]
    return CardExamples(f"{_caption(inputs, pictures)}{table(heads, rows)}", pictures)


def _trust(answer: Prediction) -> list[str]:
    novelty = [] if answer.novelty is None else [f"{answer.novelty:.3f}"]
    return novelty + ([] if answer.abstained is None else ["yes" if answer.abstained else "no"])


def _drawn(pipeline: Pipeline, inputs: InputCard, shown: Sequence[Shown]) -> dict[str, bytes]:
    picture = inputs.draw(shown, pipeline.manifest)
    return {} if picture is None else {EXAMPLES: picture}


def _caption(inputs: InputCard, pictures: Mapping[str, bytes]) -> str:
    if not pictures:
        return ""
    return (
        f"{inputs.caption}, with the answer and its probability. Below it the map of what led to "
        f"the answer: the redder, the more.\n\n![Examples with their maps]({EXAMPLES})\n\n"
    )


def _reconstructed(
    pipeline: Pipeline,
    inputs: InputCard,
    cases: Sequence[GoldenCase],
    payloads: Sequence[Payload],
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
    pictures = _drawn(pipeline, inputs, shown)
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
    pipeline: Pipeline,
    inputs: InputCard,
    cases: Sequence[GoldenCase],
    payloads: Sequence[Payload],
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
    pipeline: Pipeline,
    inputs: InputCard,
    cases: Sequence[GoldenCase],
    payloads: Sequence[Payload],
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
