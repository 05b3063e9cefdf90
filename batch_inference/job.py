"""What a user may set of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batch_inference.answers import Format
from batch_inference.errors import BatchError
from batch_inference.rows import BASE, Task
from inference.bundled_model import BUNDLED_MODEL
from inference.sampling import SamplingOptions
from text_to_sql.scoring.predict import AskingOptions

# What `Placement` and the job itself decide.
_NOT_ENGINE_OPTIONS = {
    "base_model_name": "give base_model (--base-model)",
    "lora_adapter_path": "give adapters (--adapter)",
    "enable_lora": "give adapters (--adapter)",
    "max_adapters": "it is the number of adapters",
    "tensor_parallel_size": "give gpus_per_replica (--gpus-per-replica)",
}


@dataclass(frozen=True, slots=True)
class BatchJob:
    """Rows to answer, and how; not by how many engines, which may change when the job goes on.

    Attributes:
        inputs: files (`.jsonl`, `.parquet`) and folders of them.
        output: folder for the answers, which this job alone writes into.
        task: what the rows ask for; None: what the first row does.
        format: of the output.
        base_model: the bundled model, a folder, or a hub name.
        adapters: folder of each LoRA adapter by the name that rows choose it by; the first answers rows that name none.
        database: SQLite file that rows without `database` ask about.
        databases: folder that a row's `database` is relative to; None is the working directory.
        sampling: of conversations.
        asking: of questions.
        rows_per_part: rows that are answered together and written as one file, at least 1; what is lost if a replica
            is killed. None: a quarter of each replica's share, at most 1,000 conversations or 256 questions.
        engine: further arguments of `VLLMInferenceWithLoRA`.

    Raises:
        BatchError: a value that cannot work; the message names it.
    """

    inputs: tuple[Path, ...]
    output: Path
    task: Task | None = None
    format: Format = Format.JSON_LINES
    base_model: str = BUNDLED_MODEL
    adapters: Mapping[str, Path] = field(default_factory=dict)
    database: Path | None = None
    databases: Path | None = None
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    asking: AskingOptions = field(default_factory=AskingOptions)
    rows_per_part: int | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.inputs:
            raise BatchError("inputs is empty: give at least one file or folder.")
        if BASE in self.adapters:
            raise BatchError(f"No adapter can be called {BASE!r}: it stands for the base model in rows.")
        if self.rows_per_part is not None and (type(self.rows_per_part) is not int or self.rows_per_part < 1):
            raise BatchError(f"rows_per_part must be a whole number of at least 1, got {self.rows_per_part!r}")
        for name in self.engine.keys() & _NOT_ENGINE_OPTIONS.keys():
            raise BatchError(f"{name} is no engine option of a job: {_NOT_ENGINE_OPTIONS[name]}.")
        for path in self.inputs:
            self._check_apart(path.resolve(), self.output.resolve())

    def _check_apart(self, given: Path, output: Path) -> None:
        if given == output or given in output.parents or output in given.parents:
            raise BatchError(
                f"The output {self.output} and the input {given} lie in each other: choose another output."
            )
