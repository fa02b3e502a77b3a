"""ListOps trees of shapes that the authors' rules do not make, with random operators and digits.

The shapes are parse trees of the Stanford Sentiment Treebank, syntax trees of the functions of a
program (the package gensim), and generated lists within lists. The last kind has the authors'
shapes, with the digits 0 and 1 only.
"""

import ast
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from app.modalities import Payload
from app.modalities.tree import ptb as treebank
from app.modalities.tree.binary_tree import BinaryTree
from app.modalities.tree.listops import DIGITS, MAX_ARGUMENTS, OPERATORS
from training.data.dataset import TEST, Sample
from training.datasets import listops
from training.datasets.sentiment_treebank import ARCHIVE, load
from training.outliers.kinds import Locate
from training.outliers.prose import GENSIM

TREES_PER_KIND = 1000  # the largest number of trees of a kind
DEPTHS = (3, 40)  # of the lists within lists
_ROOM = 1000  # leaves and levels of a sentence

Shape = None | tuple["Shape", ...]  # a word, or the children of a node


def trees(find: Locate) -> Mapping[str, Callable[[], Sequence[Sample]]]:
    """Return the kinds."""
    return {
        "parse trees": lambda: _drawn(_sentences(find)),
        "a program's functions": lambda: _drawn(_functions(find)),
        "lists within lists": lambda: _drawn(_nested(random.Random(0))),
        "noughts and ones": _binary,
    }


def _sentences(find: Locate) -> Iterator[Shape]:
    """Yield the shapes of the treebank's parse trees."""
    for sample in load(find(ARCHIVE)).samples:
        if sample.fixed == TEST:
            tree = BinaryTree(_ROOM, _ROOM)
            list(treebank.parse(sample.payload.data.decode(), tree))
            shapes: dict[int, Shape] = {}
            for node, pair in enumerate(tree.pairs):
                shapes[~node] = tuple(shapes.get(child) for child in pair)
            yield shapes.get(~(len(tree.pairs) - 1))


def _functions(find: Locate) -> Iterator[Shape]:
    """Yield the shapes of functions' syntax trees; an only child replaces its parent."""
    with zipfile.ZipFile(find(GENSIM)) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".py"):
                for node in ast.walk(ast.parse(archive.read(name))):
                    if isinstance(node, ast.FunctionDef):
                        yield _syntax(node)


def _syntax(node: ast.AST) -> Shape:
    """Return the shape of a node, with its first `MAX_ARGUMENTS` children."""
    children = [_syntax(child) for child in islice(ast.iter_child_nodes(node), MAX_ARGUMENTS)]
    return children[0] if len(children) == 1 else tuple(children) or None


def _nested(rng: random.Random) -> Iterator[Shape]:
    """Yield lists of a digit and a list, in either order, endlessly."""
    while True:
        shape: Shape = (None, None)
        for _ in range(rng.randint(*DEPTHS)):
            shape = (None, shape) if rng.random() < 0.5 else (shape, None)
        yield shape


def _drawn(shapes: Iterable[Shape]) -> list[Sample]:
    """Return the first shapes of at least two lists, with uniformly random words on the nodes."""
    rng = random.Random(0)
    nested = (shape for shape in shapes if shape and any(shape))
    return [_sample(n, _tree(s, rng)) for n, s in enumerate(islice(nested, TREES_PER_KIND))]


def _tree(shape: Shape, rng: random.Random) -> listops.Tree:
    if not shape:
        return rng.choice(DIGITS)
    return rng.choice(OPERATORS), [_tree(child, rng) for child in shape]


def _binary() -> list[Sample]:
    """Return lists by the authors' rules, with every digit replaced by its parity."""
    counts = {TEST: TREES_PER_KIND}
    samples = listops.load(None, counts, seed=0).samples
    made = []
    for sample in samples:
        text = "".join(
            str(int(letter) % 2) if letter in DIGITS else letter
            for letter in sample.payload.data.decode()
        )
        made.append(Sample(sample.name, Payload(text.encode(), "text/plain"), ""))
    return made


def _sample(number: int, tree: listops.Tree) -> Sample:
    return Sample(f"tree-{number}", Payload(listops.written(tree).encode(), "text/plain"), "")
