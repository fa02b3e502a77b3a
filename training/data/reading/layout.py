"""Where the labels of a folder of files stand: in the names of which folders.

Understood are one sub-folder per label; the same below folders `train`, `val`, `test`, whose split
is kept; folders `train`, … below each label; and any of these below folders that hold nothing else.
What was understood is said in `notes`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from training.data.dataset import TRAIN
from training.data.reading.splits import part_of
from training.data.reading.walk import WalkedFolder
from training.errors import BadData

_SHOWN = 8  # names in a message


@dataclass(frozen=True, slots=True)
class Place:
    """The files below a folder share a label, and the part that their authors put them in."""

    label: str
    folder: WalkedFolder
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the samples of a folder lie. unusable: what lies beside them, with the reason."""

    places: tuple[Place, ...]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)

    def files(self) -> Iterator[tuple[str, Place]]:
        """Yield the path of each file and its place."""
        for place in self.places:
            for path in place.folder.all_files():
                yield path, place


def unwrapped(tree: WalkedFolder, holds_samples: Callable[[WalkedFolder], bool]) -> WalkedFolder:
    """Return the folder below `tree` that is divided, where all folders above hold just one.

    holds_samples: whether a folder is one to stop at, as for the table in it. `tree` itself is
    returned where no such folder follows.
    """
    folder = tree
    while len(folder.folders) == 1 and not holds_samples(folder):
        if part_of(folder.folders[0].name) and folder.folders[0].folders:
            return folder
        folder = folder.folders[0]
    return folder if len(folder.folders) > 1 or holds_samples(folder) else tree


def layout_of(name: str, tree: WalkedFolder, folder: WalkedFolder) -> Layout:
    """Return where the labels stand in `folder`, which lies in `tree`; raise `BadData`."""
    beside = [*files_above(tree, folder), *map(folder.below, folder.files)]
    notes, stray = [], [f"{path} (in no label's folder)" for path in beside]
    if folder.path:
        notes.append(f"{name}: the labels are in {folder.path}/")
    parts = [each for each in folder.folders if part_of(each.name)]
    divided = [each for each in parts if each.folders]
    only_parts = len(parts) == len(folder.folders)
    if len(divided) > (not only_parts) and any(part_of(f.name) == TRAIN for f in divided):
        return _authors_split(name, folder, parts, notes, stray)
    if parts and only_parts:
        raise BadData(
            f"{name}: {_some(parts)} are names of splits, not labels; expected one sub-folder per "
            "label in each"
        )
    places, empty = _labels(folder, None)
    inner = [below for each in folder.folders for below in each.folders]
    if inner and all(part_of(below.name) for below in inner):
        places = _below_labels(folder)
        stray += [
            f"{each.below(file)} (beside its label's {_some(each.folders)})"
            for each in folder.folders
            if each.folders
            for file in each.files
        ]
        notes.append(f"{name}: the authors' split is kept ({_some(inner)} below each label)")
    warnings = []
    wrapping = not any(each.files for each in folder.folders if each.folders)
    if inner and wrapping and all(place.part is None for place in places):
        warnings.append(
            f"{name}: the labels are {_some(folder.folders)}, and the folders in them "
            f"({_some(inner)}) are no labels; if they are, name one of the outer folders"
        )
    return Layout(tuple(places), notes, warnings, stray + empty)


def _authors_split(
    name: str, folder: WalkedFolder, parts: list[WalkedFolder], notes: list[str], stray: list[str]
) -> Layout:
    places: list[Place] = []
    for each in parts:
        found, empty = _labels(each, part_of(each.name))
        places += found
        stray += [f"{each.below(file)} (in no label's folder)" for file in each.files] + empty
    known = {each.path for each in parts}
    stray += [
        f"{each.path}/ (beside {_some(parts)}: neither a split nor a label)"
        for each in folder.folders
        if each.path not in known
    ]
    notes.append(f"{name}: the authors' split is kept ({_some(parts)})")
    return Layout(tuple(places), notes, [], stray)


def _labels(folder: WalkedFolder, part: str | None) -> tuple[list[Place], list[str]]:
    """Return the place of each label in a folder, and a line for each that is empty."""
    places, empty = [], []
    for each in folder.folders:
        if next(each.all_files(), None) is None:
            empty.append(f"{each.path}/ (an empty folder)")
        else:
            places.append(Place(each.name, each, part))
    return places, empty


def _below_labels(folder: WalkedFolder) -> list[Place]:
    """Return the places of labels whose folders hold a folder for each part."""
    places = []
    for label in folder.folders:
        if not label.folders:
            places.append(Place(label.name, label))
        places += [Place(label.name, below, part_of(below.name)) for below in label.folders]
    return places


def files_above(tree: WalkedFolder, folder: WalkedFolder) -> Iterator[str]:
    """Yield the files of the folders above `folder`, each of which holds one folder."""
    while tree.path != folder.path:
        for file in tree.files:
            yield tree.below(file)
        tree = tree.folders[0]


def _some(folders: "list[WalkedFolder] | tuple[WalkedFolder, ...]") -> str:
    names = list(dict.fromkeys(folder.name for folder in folders))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
