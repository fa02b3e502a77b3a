"""Outliers: data of the same modality as a model's training data, to measure its novelty by.

Nothing is fitted to them, except to the kinds that a recipe names as training outliers. They come
from packages in the folder that `--data` or `THALAMUS_DATA` names. Without a package the figure of
its kind is left out, and a warning says what to download.
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
