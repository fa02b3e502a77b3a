"""What the scores of a packed graph are is seen on the golden pictures, or contradicted by them."""

import numpy as np
import pytest

from app.errors import InvalidBundle
from app.modalities import Payload
from app.pack.scores import scores_shown
from app.pipeline import Pipeline
from tests.app.pack.graphs import COLOURS, colour_graph
from tests.app.pack.packing import SIZE, Files, golden_answers
from tests.media import picture

LOGITS, SOFTMAX = colour_graph(), colour_graph(last="Softmax")


def softmax(numbers: np.ndarray) -> np.ndarray:
    raised = np.exp(numbers)
    return raised / raised.sum()


@pytest.mark.parametrize("said", [(), ("--scores",)])
@pytest.mark.parametrize(
    ("model", "kind"), [(LOGITS, "logits"), (SOFTMAX, "probabilities")], ids=["logits", "softmax"]
)
def test_softmax_is_applied_once(model, kind: str, said: tuple[str, ...], files: Files) -> None:
    assert files.pack(model.SerializeToString(), *said, *([kind] if said else [])) == 0
    bundle = files.bundle()
    assert bundle.manifest.scores == kind
    answer = Pipeline(bundle).predict([Payload(picture(SIZE, COLOURS["red"]), "image/png")])[0]
    expected = softmax(4 * np.array(COLOURS["red"]) / 255)
    assert dict(answer.top) == pytest.approx(dict(zip(COLOURS, expected, strict=True)), abs=1e-6)


def test_an_inferred_kind_of_scores_is_printed(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.pack(LOGITS.SerializeToString()) == 0
    assert "scores: logits, as the golden pictures show\n" in capsys.readouterr().out
    assert files.pack(SOFTMAX.SerializeToString(), "--scores", "probabilities") == 0
    assert "scores:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "options", "complaint"),
    [
        (SOFTMAX, ("--scores", "logits"), "--scores logits: the scores of every golden picture"),
        (LOGITS, ("--scores", "probabilities"),
         "--scores probabilities: for red.png the scores sum to 4.392; say logits"),
        (colour_graph(last="Neg"), ("--scores", "probabilities"), "red.png one score is -3.922"),
        (colour_graph(last="Log"), ("--size", "8", "--mean", "1", "1", "1"),
         "red.png: the graph gives nan as a score"),
        (colour_graph(last="Sigmoid"), (), "'scores' comes from a sigmoid"),
        (colour_graph(last="Sigmoid"), ("--scores", "logits"), "'scores' comes from a sigmoid"),
        (colour_graph(last="HardSigmoid"), (), "of several labels at once, which cannot be packed"),
    ],
)  # fmt: skip
def test_a_kind_of_scores_that_contradicts_the_golden_pictures_is_refused(
    model, options: tuple[str, ...], complaint: str, files: Files
) -> None:
    assert complaint in files.refusal(model.SerializeToString(), *options)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0.2, 0.8005]], "probabilities"),
        ([[0.2, 0.8], [1.0, 0.0]], "probabilities"),
        ([[0.2, 0.8], [3.0, -2.0]], "logits"),
        ([[-0.5, 1.5]], "logits"),
        ([[-0.7, -0.69]], "logits"),  # logarithms of probabilities
    ],
)
def test_rows_of_probabilities(rows: list[list[float]], expected: str) -> None:
    assert scores_shown(np.array(rows, np.float32), [*"ab"][: len(rows)], None) == expected


def test_numbers_from_0_to_1_may_be_logits_if_it_is_said() -> None:
    rows = np.array([[0.2, 0.7]], np.float32)
    assert scores_shown(rows, ["a"], "logits") == "logits"
    with pytest.raises(InvalidBundle, match=r"sum to 0\.9: they are of several labels at once"):
        scores_shown(rows, ["a"], None)


def test_the_scores_may_be_any_output(files: Files) -> None:
    model = colour_graph(before=True).SerializeToString()
    error = files.refusal(model)
    assert "3 labels, but the output boxes is float32 ('batch', 4); --output can name" in error
    assert "another that fits: scores" in error
    assert "--output odd: the graph has no such output; it has boxes, scores" in files.refusal(
        model, "--output", "odd"
    )
    assert files.pack(model, "--output", "scores") == 0
    bundle = files.bundle()
    assert golden_answers(Pipeline(bundle)) == list(COLOURS)


def test_a_free_number_of_scores_is_compared_with_the_labels(files: Files) -> None:
    model = colour_graph(sizes="classes").SerializeToString()
    labels = files.labels.read_text()
    files.labels.write_text("one\ntwo\n")
    assert "2 labels, but the output scores is float32 ('batch', 3)" in files.refusal(model)
    files.labels.write_text(labels)
    assert files.pack(model) == 0


def test_two_golden_pictures_of_one_name_are_refused(files: Files) -> None:
    (files.folder / "more").mkdir()
    (files.folder / "more" / "red.png").write_bytes(picture(SIZE, (1, 2, 3)))
    more = ("--golden", str(files.folder / "more" / "red.png"))
    assert "golden pictures need unlike names" in files.refusal(LOGITS.SerializeToString(), *more)


def test_a_golden_picture_that_cannot_be_read_is_named(files: Files) -> None:
    files.golden[1].write_bytes(b"no picture")
    assert "green.png: expected a JPEG" in files.refusal(LOGITS.SerializeToString())
