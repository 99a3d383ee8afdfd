"""What can go wrong between a person's data and a checkpoint."""

from contract.errors import CadenzaError, UsageError


class DataError(CadenzaError):
    """The data cannot be trained on; the message names the file, the column and the row."""


class RunExistsError(UsageError):
    """The folder to be written holds something already; nothing in it was touched."""


class RunError(CadenzaError):
    """The folder holds no run, or none of its checkpoints can be read."""


class TrainingError(CadenzaError):
    """Training cannot go on; the last whole checkpoint is kept."""
