"""Does the adapter matter? `python -m text_to_sql.executable_rate --data FOLDER --output RECORD.json`.

Base and adapter answer the same questions about databases that training never saw, in one engine. Counted is how often
an answer parses as one query, how often it executes on the (empty) database, and how often it is the gold text. None of
the three is accuracy: a query that executes may still answer another question.
"""

import argparse
import json
import os
import random
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.bundled_model import BUNDLED_MODEL
from inference.errors import InferenceError
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.data import SPIDER_FILE, Example, split_spider
from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.execution.sql_text import extract_sql, parse_query
from text_to_sql.prompt import build_messages
from text_to_sql.text_to_sql import MAX_SQL_TOKENS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answer is worth.

    Attributes:
        parses: it is one query.
        executes: it runs on the database.
        exact: it is the gold text.
    """

    parses: bool
    executes: bool
    exact: bool


def judge(answer: str, example: Example, database: ReadOnlyDatabase) -> Verdict:
    """Returns the verdict on a model's answer."""
    parses = executes = False
    try:
        sql = extract_sql(answer)
        parse_query(sql)
        parses = True
        database.execute(sql)
        executes = True
    except TextToSQLError:
        pass
    return Verdict(parses, executes, answer.strip() == example.sql)


def judge_all(answers: Sequence[str], examples: Sequence[Example]) -> list[Verdict]:
    """Returns the verdict on each answer, executed on an empty database of its example's schema."""
    with TemporaryDirectory() as folder:
        verdicts = []
        for index, (answer, example) in enumerate(zip(answers, examples, strict=True)):
            with ReadOnlyDatabase(_empty_database(Path(folder) / f"{index}.sqlite", example.schema)) as database:
                verdicts.append(judge(answer, example, database))
        return verdicts


def _empty_database(path: Path, schema: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in schema.splitlines():
            connection.execute(statement)
    return path


def percentages(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """Returns the share of answers that parse, execute and are exact, in percent."""
    rows = [asdict(verdict) for verdict in verdicts]
    return {name: round(100 * sum(row[name] for row in rows) / len(rows), 1) for name in rows[0]}


def measure(data: Path, base: str, adapter: Path, questions: int) -> dict[str, object]:
    """Returns the record: percentages of both, and each verdict, by the kind of its gold query."""
    _, examples = split_spider(data)
    examples = random.Random(0).sample(examples, min(questions, len(examples)))
    # As the engine names it, also for `.` and for a link.
    adapter = adapter.expanduser().resolve()
    verdicts = _judge_both(examples, base, adapter)
    return {
        "command": "python -m text_to_sql.executable_rate",
        "base_model": base,
        "adapter": adapter.name,
        "questions": len(examples),
        "databases": len({example.database for example in examples}),
        "versions": _versions(),
        "percent": {label: percentages(rows) for label, rows in verdicts.items()},
        "kinds": [example.kind for example in examples],
        "verdicts": {label: [list(asdict(row).values()) for row in rows] for label, rows in verdicts.items()},
    }


def _judge_both(examples: Sequence[Example], base: str, adapter: Path) -> dict[str, list[Verdict]]:
    from vllm_offline_inference import VLLMInferenceWithLoRA

    conversations = [build_messages(example.schema, example.question) for example in examples]
    with VLLMInferenceWithLoRA(base, adapter, max_model_len=2048) as llm:
        return {
            label: judge_all(
                llm.generate_batch(conversations, adapters=name, temperature=0, max_tokens=MAX_SQL_TOKENS), examples
            )
            for label, name in (("base", None), ("adapter", adapter.name))
        }


def _versions() -> dict[str, str]:
    # Two distributions carry this module, one for CPUs and one for GPUs.
    import vllm

    return {name: version(name) for name in ("torch", "transformers")} | {"vllm": vllm.__version__}


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Writes a record as JSON; the file appears complete or not at all."""
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        partial = Path(folder) / path.name
        partial.write_text(json.dumps(record) + "\n")
        os.replace(partial, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 measured, 2 bad usage."""
    options = _parse(arguments)
    try:
        # Before the measurement, which takes minutes.
        options.output.parent.mkdir(parents=True, exist_ok=True)
        record = measure(options.data, options.base_model, options.adapter, options.questions)
        write_record(options.output, record)
    except (InferenceError, TextToSQLError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{'':10}{'parses':>10}{'executes':>10}{'exact':>10}   (percent of {record['questions']})")
    for label, percent in record["percent"].items():
        print(f"{label:10}" + "".join(f"{value:10.1f}" for value in percent.values()))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.executable_rate", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {SPIDER_FILE}")
    parser.add_argument("--output", type=Path, required=True, help="JSON record to write")
    parser.add_argument("--base-model", default=BUNDLED_MODEL, help="default: %(default)s")
    parser.add_argument("--adapter", type=Path, default=BUNDLED_ADAPTER, help="default: checkpoint-100")
    parser.add_argument("--questions", type=int, default=200, help="default: %(default)s")
    options = parser.parse_args(arguments)
    if options.questions < 1:
        parser.error(f"--questions must be at least 1, got {options.questions}")
    if options.output.is_dir():
        parser.error(f"--output must be a file, {options.output} is a folder: name a file in it, such as record.json")
    return options


if __name__ == "__main__":
    sys.exit(main())
