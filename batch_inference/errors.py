"""What can be wrong with a job, and with one row of it."""

from inference.errors import InferenceError


class BatchError(InferenceError):
    """The job cannot start, or cannot go on."""


class RowError(ValueError):
    """One row cannot be asked; its text becomes the row's `error`, and the job goes on."""
