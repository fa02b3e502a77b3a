"""What a person training a model did wrong, in one line."""

from app.errors import ThalamusError


class TrainingError(ThalamusError):
    """The run cannot start or go on; the text says what to do."""


class MissingData(TrainingError):
    """The data set is neither here nor to be had; the text says what to fetch from where."""


class BadData(TrainingError):
    """The samples do not make a classification problem."""


class Diverged(TrainingError):
    """The loss is no longer a number; nothing is published."""


class OtherRankStopped(TrainingError):
    """Another process of this training has ended, for a reason that only it can give."""
