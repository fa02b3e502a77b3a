import numpy as np

from app.modalities.tree.binary_tree import BinaryTree
from app.modalities.tree.listops import parse
from app.modalities.tree.phrases import MAX_PHRASE_CHARS, Phrase, label_phrases

PARENTS = (2, 2, None)
SCORES = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], dtype=np.float32)


def test_whole_tree_is_the_first_phrase() -> None:
    made = label_phrases(["good", "day", "good day"], SCORES, ("glad", "sad"), PARENTS)
    assert made == [
        Phrase(text="good day", label="sad", probability=0.75, parent=None),
        Phrase(text="good", label="glad", probability=0.75, parent=0),
        Phrase(text="day", label="glad", probability=0.5, parent=0),
    ]


def test_unnamed_nodes_are_no_phrases() -> None:
    made = label_phrases([None, "7", "[MAX 7 ]"], SCORES, ("6", "7"), PARENTS)
    assert [(part.text, part.parent) for part in made] == [("[MAX 7 ]", None), ("7", 0)]


def test_the_parent_of_a_phrase_is_the_nearest_one_that_has_a_name() -> None:
    tree = BinaryTree(max_leaves=9, max_height=9)
    parse("[MAX 2 [MIN 4 7 ] 0 ]", tree)
    phrases = tree.phrases()
    scores = np.ones((len(phrases), 2), dtype=np.float32)
    made = label_phrases(phrases, scores, ("6", "7"), tree.parents())
    above = {part.text: part.parent and made[part.parent].text for part in made[1:]}
    assert above == {"[MIN 4 7 ]": 0, "2": 0, "4": "[MIN 4 7 ]", "7": "[MIN 4 7 ]", "0": 0}


def test_long_phrases_are_truncated() -> None:
    made = label_phrases(
        ["a" * MAX_PHRASE_CHARS, "b", "c" * (MAX_PHRASE_CHARS + 1)],
        SCORES,
        ("glad", "sad"),
        PARENTS,
    )
    assert [len(part.text) for part in made] == [MAX_PHRASE_CHARS, MAX_PHRASE_CHARS, 1]
    assert made[0].text.endswith("c…")
