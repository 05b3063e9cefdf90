"""What is to do, found before any engine starts: the parts of the input, and whether its rows can be asked at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batch_inference.errors import BatchError, RowError
from batch_inference.input_files import ReadRow, about_how_many_rows, find_input_files, read_part, scan
from batch_inference.job import BatchJob
from batch_inference.parts import InputFile, Part
from batch_inference.rows import Fields, QuestionRow, RowRules, Task, task_of
from inference.adapter import Adapter

MOST_ROWS_PER_PART: Mapping[Task, int] = {
    Task.CHAT: 1_000,
    # Each question waits with a state of its grammar, some 13 MB for a wide schema.
    Task.TEXT_TO_SQL: 256,
}
_PARTS_PER_REPLICA = 4
# So many rows of each file are looked at before the engines start.
_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a job will do.

    Attributes:
        files: the input.
        rules: how its rows are read.
        rows_per_part: as decided.
    """

    files: tuple[InputFile, ...]
    rules: RowRules
    rows_per_part: int

    @property
    def parts(self) -> list[Part]:
        """All parts, in the order of the input."""
        return [part for file in self.files for part in file.parts]

    @property
    def num_rows(self) -> int:
        """Of all files together."""
        return sum(file.rows for file in self.files)

    def describe(self, job: BatchJob, adapters: Mapping[str, Adapter]) -> dict[str, Any]:
        """Returns what must be the same when the job goes on, for `job.json`; of adapters, their content.

        The order of adapters counts: the first answers rows that name none.
        """
        how = {"sampling": asdict(job.sampling)} if self.rules.task is Task.CHAT else self._describe_asking(job)
        return {
            "task": self.rules.task,
            "format": job.format,
            "rows_per_part": self.rows_per_part,
            "inputs": [{"name": file.name, "rows": file.rows, "sha256": file.fingerprint} for file in self.files],
            "base_model": job.base_model,
            "adapters": [[name, adapter.content_hash] for name, adapter in adapters.items()],
            "engine": dict(job.engine),
            **how,
        }

    def _describe_asking(self, job: BatchJob) -> dict[str, Any]:
        database = self.rules.default_database
        return {
            "asking": asdict(job.asking),
            "database": None if database is None else str(database),
            "databases": str(self.rules.databases),
        }


def plan(job: BatchJob, replicas: int, begun_with: int | None = None) -> Plan:
    """Reads the input (of Parquet only the footers), and looks at the first rows of each file.

    Args:
        job: what to do.
        replicas: how many engines will share the work.
        begun_with: rows of a part, where the job goes on.

    Raises:
        BatchError: a file cannot be read, there are no rows, or none of the first rows can be asked.
    """
    files = find_input_files(job.inputs)
    first_rows = [row for name, path in files for row in _first_rows(name, path)]
    if not first_rows:
        raise BatchError("The input holds no rows.")
    rules = _rules(job, job.task or _task_of_first(first_rows))
    _check_first_rows(first_rows, rules)
    rows_per_part = job.rows_per_part or begun_with or _rows_per_part(rules.task, files, replicas)
    return Plan(tuple(scan(name, path, rows_per_part) for name, path in files), rules, rows_per_part)


def _first_rows(name: str, path: Path) -> list[ReadRow]:
    return list(read_part(Part(str(path), name, 1, _LOOKED_AT)))


def _task_of_first(rows: Sequence[ReadRow]) -> Task:
    readable = [(place, fields) for place, fields in rows if not isinstance(fields, RowError)]
    if not readable:
        raise BatchError(f"{rows[0][0]}: {rows[0][1]}")
    place, fields = readable[0]
    if task := task_of(fields):
        return task
    raise BatchError(
        f"{place} has the fields {', '.join(fields) or 'none'}: a row needs 'messages' (a conversation), or 'question' "
        "(about a 'database')."
    )


def _rules(job: BatchJob, task: Task) -> RowRules:
    database = None if job.database is None else job.database.resolve()
    if database is not None and not database.is_file():
        raise BatchError(f"There is no database {database}.")
    return RowRules(task, tuple(job.adapters), (job.databases or Path()).resolve(), database)


def _check_first_rows(rows: Sequence[ReadRow], rules: RowRules) -> None:
    """Raises BatchError if none of the files' first rows can be asked: then the rest hardly can."""
    problems = [(place, _problem(place, fields, rules)) for place, fields in rows]
    if all(problem for _, problem in problems):
        place, problem = problems[0]
        raise BatchError(f"None of the first rows can be asked ({len(rows)} were looked at). {place}: {problem}")


def _problem(place: str, fields: Fields | RowError, rules: RowRules) -> str:
    try:
        row = rules.read(place, fields)
        there = not isinstance(row, QuestionRow) or row.database.is_file()
    except (RowError, OSError) as error:
        return str(error)
    if isinstance(row, QuestionRow) and not there:
        return f"There is no database {row.database}; --databases gives the folder that paths are relative to."
    return ""


def _rows_per_part(task: Task, files: Sequence[tuple[str, Path]], replicas: int) -> int:
    share = math.ceil(about_how_many_rows(files) / (replicas * _PARTS_PER_REPLICA))
    return max(1, min(share, MOST_ROWS_PER_PART[task]))
