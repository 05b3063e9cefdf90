"""A job that cannot work is refused when it is made."""

from pathlib import Path

import pytest

from batch_inference.errors import BatchError
from batch_inference.job import BatchJob

INPUT = (Path("rows.jsonl"),)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"inputs": ()}, "inputs is empty: give at least one file or folder"),
        ({"rows_per_part": 0}, "rows_per_part must be a whole number of at least 1, got 0"),
        ({"rows_per_part": 2.0}, "rows_per_part must be a whole number of at least 1, got 2.0"),
        ({"adapters": {"base": Path("a")}}, "No adapter can be called 'base': it stands for the base model in rows"),
        (
            {"engine": {"tensor_parallel_size": 2}},
            "tensor_parallel_size is no engine option of a job: give gpus_per_rep",
        ),
        ({"engine": {"lora_adapter_path": "a"}}, "lora_adapter_path is no engine option of a job: give adapters"),
        ({"inputs": (Path("a"),), "output": Path("a")}, "The output a and the input /.*/a lie in each other"),
        ({"inputs": (Path("a"),), "output": Path("a/b")}, "The output a/b and the input /.*/a lie in each other"),
        ({"inputs": (Path("a/b.jsonl"),), "output": Path("a")}, r"The output a and the input /.*/b\.jsonl lie in each"),
    ],
)
def test_what_cannot_work_is_refused(options, text):
    with pytest.raises(BatchError, match=text):
        BatchJob(**{"inputs": INPUT, "output": Path("out"), **options})
