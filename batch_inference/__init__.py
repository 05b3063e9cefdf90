"""Many rows, many engines: conversations or questions from files, answered by replicas on Ray Data, resumable."""

from batch_inference.errors import BatchError
from batch_inference.job import BatchJob
from batch_inference.placement import Placement
from batch_inference.run import BatchReport, run_batch

__all__ = ["BatchError", "BatchJob", "BatchReport", "Placement", "run_batch"]
