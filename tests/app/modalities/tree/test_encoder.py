"""Bracketed trees in both notations, plain sentences, and malformed trees."""

import re
import time

import numpy as np
import pytest

from app.errors import InvalidBundle, InvalidInput
from app.modalities import Payload
from app.modalities.tree.binary_tree import BinaryTree
from app.modalities.tree.encoder import TreeEncoder
from app.modalities.tree.right_branching import parse as parse_sentence
from app.modalities.tree.spec import TreeSpec
from tests.trees import IDS, LISTS, drawn, grown, shape

LISTOPS = TreeEncoder(
    TreeSpec(notation="listops"), {"vocabulary.txt": "\n".join(IDS).encode() + b"\n"}
)
WORDS = ("", "it", "'s", "good", "n't", "did", ".", "(", "Good")
SENTENCES = TreeEncoder(
    TreeSpec(notation="ptb", max_leaves=50), {"vocabulary.txt": "\n".join(WORDS).encode()}
)

# The position says what to correct.
REMEDY = re.compile(r"at character \d+$|; (send a|close its brackets|remove such)")


def plain(text: str, media_type: str = "text/plain") -> Payload:
    return Payload(text.encode(), media_type)


def binary(text: str) -> str:
    """Return a list in the authors' notation with binary parentheses."""
    return shape(grown(text)).replace("(", "( ").replace(")", " )")


@pytest.mark.parametrize("text", LISTS)
def test_forest_arrays_equal_the_recursive_tree(text: str) -> None:
    tree = grown(text)
    arrays = LISTOPS.encode(plain(text)).arrays
    words = {word: str(number) for word, number in IDS.items()}
    expected = " ".join(
        words.get(w, w) for w in shape(tree).replace("(", "( ").replace(")", " )").split()
    )
    assert drawn(arrays, arrays["roots"][0]) == expected.replace("( ", "(").replace(" )", ")")


@pytest.mark.parametrize("text", LISTS)
def test_both_notations_give_the_same_tree(text: str) -> None:
    one, other = LISTOPS.encode(plain(text)), LISTOPS.encode(plain(binary(text)))
    for name in one.arrays:
        assert np.array_equal(one.arrays[name], other.arrays[name])


def test_listops_notation_with_parentheses_is_read() -> None:
    assert binary("[MAX 2 9 ]") == "( ( ( [MAX 2 ) 9 ) ] )"
    assert binary("[MAX 2 9 [MIN 4 7 ] 0 ]") == (
        "( ( ( ( ( [MAX 2 ) 9 ) ( ( ( [MIN 4 ) 7 ) ] ) ) 0 ) ] )"
    )


def test_white_space_is_free() -> None:
    tight, loose = LISTOPS.encode(plain("[MAX 2 3]")), LISTOPS.encode(plain("\n[MAX\t2  3 ]\n"))
    assert np.array_equal(tight.arrays["tokens"], loose.arrays["tokens"])


LISTOPS_MISTAKES = {
    "": "got nothing",
    " \n": "got nothing",
    "[MAX ]": "2 to 5 arguments, at character 6",
    "[MAX 1 ]": "2 to 5 arguments, at character 8",
    "[MAX 1 2 3 4 5 6 ]": "2 to 5 arguments, at character 16",
    "[MAX 2 3": "not complete at its end, after character 8",
    "( ( [MAX 2 ) 3 )": "not complete at its end",
    "[AVG 2 3 ]": "one of the operators .* at character 1$",
    "[MAX 2 [ 3 4 ] ]": "one of the operators .* at character 8$",
    "[max 2 3 ]": "one of the operators",
    "[MAX 12 3 ]": "something else, at character 6",
    "[MAX 2 x ]": "something else, at character 8",
    "[MAX 2 ( 3 ]": "something else, at character 8",
    "[MAX 2 ٣ ]": "something else, at character 8",
    "[MAX 2 3 ] 4": "nothing after the tree, at character 12",
    "] 2": "no end without an open list, at character 1",
    ")": "something else, at character 1",
    "[MAX 2 3 ] )": "nothing after the tree",
    "( [MAX 2 3 )": "two children, got 3, at character 12",
    "( 7 )": "two children, got 1, at character 5",
    "()": "two children, got 0, at character 2",
    "( 2 3 )": "an open list and a value, got a value and a value, at character 7",
    "( [MAX ( 2 9 ) )": "an open list and a value, got a value and a value",
    "[MAX 1 " * 1500 + "2" + " ]" * 1500: "at most 500 levels, got more, at character 3501",
    "[MAX " * 1500: "at most 500 levels, got more, at character 2501",
    "(" * 1500: "at most 500 levels, got more, at character 501; send a part",
    "[MAX " + "1 " * 5000: "2 to 5 arguments",
    "[MAX 1 [MAX 1 2 3 4 5 ] 2 3 " + "[MAX 1 [MAX 1 2 3 4 5 ] 2 3 " * 600: "at most",
}


@pytest.mark.parametrize("text", LISTOPS_MISTAKES, ids=lambda text: text[:20])
def test_a_malformed_list_is_refused_with_the_position(text: str) -> None:
    with pytest.raises(InvalidInput, match=LISTOPS_MISTAKES[text]) as refusal:
        LISTOPS.encode(plain(text))
    assert REMEDY.search(str(refusal.value))


def test_treebank_notation_is_read() -> None:
    encoded = SENTENCES.encode(plain("(3 (2 It) (4 (3 (2 's) (4 good)) (2 .)))"))
    assert encoded.context is not None and encoded.truncated is None
    assert shape(encoded.context) == "(It (('s good) .))"
    assert encoded.arrays["tokens"].tolist() == [1, 2, 3, 6]
    assert encoded.context.phrases() == [
        "It",
        "'s",
        "good",
        ".",
        "'s good",
        "'s good .",
        "It 's good .",
    ]


def test_escapes_case_and_unknown_words() -> None:
    encoded = SENTENCES.encode(plain("(2 (2 (2 -LRB-) (2 Good)) (2 (2 GOOD) (2 and\\/or\xa0x)))"))
    assert encoded.arrays["tokens"].tolist() == [7, 8, 3, 0]
    assert encoded.context is not None and encoded.context.words[3] == "and/or\xa0x"


TREEBANK_MISTAKES = {
    "()": "got nothing, at character 2",
    "(2 a (2 b))": "expected a bracket, got a word before it, at character 11",
    "(3 (2 a) (b))": "a label in every bracket or in none, got both, at character 12",
    "(3 (a) (2 b))": "a label in every bracket or in none, got both, at character 12",
    "( (a) (It 's) )": "in none, got both, at character 13",
    "((2 a) (2 b) (2 c))": "in none, got both",
    "(S (NP (-NONE- *)) (VP (VB go)))": "got a trace .*at character 16",
    "(" * 1500: "at most 500 levels, got more: 1003 brackets .*, at character 1003",
    "(2 a b)": "expected a bracket, got a word, at character 6",
    "(2 (2 a) b)": "expected a bracket, got a word",
    "((2 a) (2 b))": "a label in every bracket or in none",
    "(3 (2 a) (2 b": "not complete at its end, after character 13",
    "(2 a) b": "nothing after the tree, at character 7",
    "(2 a) (2 b)": "nothing after the tree",
    "(2 a))": "nothing after the tree",
    "(2 " * 1500: "at most 500 levels, got more: .*, at character",
    "(S" + " (a)" * 51 + ")": "at most 50 leaves",
    "(2 (2 a) " * 1500 + "(2 b" + ")" * 1501: "at most",
}


@pytest.mark.parametrize("text", TREEBANK_MISTAKES, ids=lambda text: text[:20])
def test_a_malformed_sentence_is_refused_with_the_position(text: str) -> None:
    with pytest.raises(InvalidInput, match=TREEBANK_MISTAKES[text]) as refusal:
        SENTENCES.encode(plain(text))
    assert REMEDY.search(str(refusal.value))


SAME_TREE = {
    "labels": "(3 (2 It) (4 (3 (2 's) (4 good)) (2 .)))",
    "none": "( ( It ) ( ( ( 's ) ( good ) ) ( . ) ) )",
    "none, tight": "((It)((('s)(good))(.)))",
    "tags": "(S (NP It) (VP (VP (VBZ 's) (JJ good)) (. .)))",
    "more than two": "(S (NP (PRP It)) (VP (VBZ 's) (ADJP (JJ good))) (. .))",
    "around": "( (S (NP (PRP It)) (VP (VBZ 's) (ADJP (JJ good))) (. .)) )",
    "lines": "(ROOT\n  (S\n    (NP (PRP It))\n    (VP (VBZ 's)\n      (JJ good))\n    (. .)))\n",
    "tags that are digits": "(0 (1 It) (2 (3 's) (4 good)) (5 .))",
    "around none": "(( ( It ) ( ( 's ) ( good ) ) ( . ) ))",
}


@pytest.mark.parametrize("media_type", ["text/plain", "text/x-tree"])
@pytest.mark.parametrize("name", SAME_TREE)
def test_every_way_of_writing_a_tree_gives_the_same_arrays(name: str, media_type: str) -> None:
    made, expected = (
        SENTENCES.encode(plain(SAME_TREE[each], media_type)) for each in (name, "labels")
    )
    for array in expected.arrays:
        assert np.array_equal(made.arrays[array], expected.arrays[array])


def test_a_joint_of_more_than_two_is_no_phrase() -> None:
    tree = SENTENCES.encode(plain("(S (A a) (B b) (C c) (D d))")).context
    assert tree is not None and shape(tree) == "(a (b (c d)))"
    assert tree.phrases() == ["a", "b", "c", "d", None, None, "a b c d"]


def written(tree: list | str, chance: np.random.Generator, style: str) -> str:
    """Return a nested list in brackets, with labels or tags, or without."""
    label = {"label": str(chance.integers(5)), "tag": f"{'NVX'[chance.integers(3)]}P"}.get(
        style, ""
    )
    space = " " * int(chance.integers(1, 3))
    parts = [tree] if isinstance(tree, str) else [written(part, chance, style) for part in tree]
    return f"({label}{space}{space.join(parts)})"


def test_labels_and_tags_make_no_difference_to_generated_trees() -> None:
    chance = np.random.default_rng(0)

    def grown_at_random(depth: int) -> list | str:
        if depth == 0 or chance.random() < 0.3:
            return WORDS[int(chance.integers(1, len(WORDS) - 2))].replace("(", "-LRB-")
        return [grown_at_random(depth - 1) for _ in range(int(chance.integers(1, 4)))]

    for _ in range(100):
        tree = [grown_at_random(3), grown_at_random(2)]
        encoded = [
            SENTENCES.encode(plain(written(tree, chance, style), "text/x-tree"))
            for style in ("label", "tag", "none")
        ]
        for other in encoded[1:]:
            assert other.context.phrases() == encoded[0].context.phrases()
            for name, array in encoded[0].arrays.items():
                assert np.array_equal(array, other.arrays[name])


def test_media_type_of_trees_is_parsed_as_a_tree() -> None:
    with pytest.raises(InvalidInput, match="expected a bracket"):
        SENTENCES.encode(plain("It's good.", "text/x-tree"))


SHAPES = {
    "It's not good, but I didn't hate it. Really!": (
        "((((It ('s (not (good ,)))) (but (I (did (n't (hate it)))))) .) (Really !))"
    ),
    "good": "good",
    "...": "...",
    "co-written by O'Brien (2001)…": "(((co-written (by (O'Brien ())) (2001 ))) ...)",
}


@pytest.mark.parametrize("text", SHAPES)
def test_plain_text_gets_a_right_branching_tree(text: str) -> None:
    tree = BinaryTree(100, 100)
    assert parse_sentence(text, tree) is None
    assert shape(tree) == SHAPES[text]


@pytest.mark.parametrize("text", ["good " * 51, "good, " * 40, "!" * 60, "good. " * 30])
def test_long_text_is_truncated_and_reported(text: str) -> None:
    encoded = SENTENCES.encode(plain(text))
    assert encoded.truncated == "only the first 50 words were read"
    assert len(encoded.arrays["tokens"]) == 50


@pytest.mark.parametrize("unit", ["a", "a ", ". ", "a,", "'", "a-", "n't", "\u0301", "(2 "])
def test_ten_megabytes_are_encoded_quickly(unit: str) -> None:
    roomy = TreeEncoder(TreeSpec(notation="ptb"), {"vocabulary.txt": b""})
    start = time.process_time()
    try:
        encoded = roomy.encode(plain(unit * (10_000_000 // len(unit))))
        assert encoded.truncated
        assert len(encoded.arrays["levels"]) < 60
    except InvalidInput:
        pass
    assert time.process_time() - start < 60  # quadratic would be hours


@pytest.mark.parametrize("text", ["\u200b", "_", " " * 50_000 + "a", "\x00", "🎉", "'"])
def test_any_character_but_white_space_is_a_word(text: str) -> None:
    assert len(SENTENCES.encode(Payload(text.encode(), "text/plain")).arrays["tokens"]) == 1


def test_too_many_leaves_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 50 leaves"):
        SENTENCES.encode(plain("(2 " + "(2 (2 a) " * 60 + "(2 b)" + ")" * 61))


def test_missing_vocabulary_is_refused() -> None:
    for files in ({}, {"vocabulary.txt": b"\xff"}):
        with pytest.raises(InvalidBundle, match="vocabulary"):
            TreeEncoder(TreeSpec(notation="ptb"), files)


def test_tree_encoder_accepts_texts_and_trees() -> None:
    assert LISTOPS.accepts("text/plain") and LISTOPS.accepts("text/x-tree")
    assert not LISTOPS.accepts("text/html")


def test_the_cost_is_estimated_from_above_and_bounded() -> None:
    roomy = TreeEncoder(TreeSpec(notation="listops"), {"vocabulary.txt": b""})
    small, large = plain("[MAX 2 9 ]"), plain("[MAX 1 " * 400 + "2" + " ]" * 400)
    assert roomy.cost(small) < 1e-3 < 5e-3 < roomy.cost(large)
    assert roomy.cost(plain(" " * 10_000_000)) < 1
