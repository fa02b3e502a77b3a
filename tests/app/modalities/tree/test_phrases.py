import numpy as np

from app.modalities.tree.phrases import MAX_PHRASE_CHARS, Phrase, label_phrases

SCORES = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], dtype=np.float32)


def test_whole_tree_is_the_first_phrase() -> None:
    made = label_phrases(["good", "day", "good day"], SCORES, ("glad", "sad"))
    assert made == [
        Phrase(text="good day", label="sad", probability=0.75),
        Phrase(text="good", label="glad", probability=0.75),
        Phrase(text="day", label="glad", probability=0.5),
    ]


def test_unnamed_nodes_are_no_phrases() -> None:
    made = label_phrases([None, "7", "[MAX 7 ]"], SCORES, ("6", "7"))
    assert [part.text for part in made] == ["[MAX 7 ]", "7"]


def test_long_phrases_are_truncated() -> None:
    made = label_phrases(
        ["a" * MAX_PHRASE_CHARS, "b", "c" * (MAX_PHRASE_CHARS + 1)], SCORES, ("glad", "sad")
    )
    assert [len(part.text) for part in made] == [MAX_PHRASE_CHARS, MAX_PHRASE_CHARS, 1]
    assert made[0].text.endswith("c…")
