"""What a model was not trained on: real data of the same modality, to measure its novelty by.

Nothing is fitted to it but to the kinds that a recipe shows. Packages are read where `--data` or
`THALAMUS_DATA` says; of a package that is not there the figure is left out, with a warning that
says what to fetch.
"""

from training.outliers.glyphs import glyphs
from training.outliers.kinds import OutlierKinds, SplitOutliers, gather, gather_split
from training.outliers.pictures import pictures
from training.outliers.prose import prose
from training.outliers.sentences import sentences
from training.outliers.sounds import sounds
from training.outliers.trees import trees

__all__ = [
    "OutlierKinds",
    "SplitOutliers",
    "gather",
    "gather_split",
    "glyphs",
    "pictures",
    "prose",
    "sentences",
    "sounds",
    "trees",
]
