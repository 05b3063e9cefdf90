"""What the output says of each row, and how it is written: one file for each part, whole or not at all."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_inference.rows import BASE, Row, Task, encodable
from inference.json_file import write_bytes
from inference.results import GenerationResult
from text_to_sql.answer import Answer
from text_to_sql.output import printable_cell

AnswerFields = dict[str, Any]
_COMMON = [("id", pa.string()), ("adapter", pa.string())]
_COST = [("prompt_tokens", pa.int32()), ("output_tokens", pa.int32()), ("error", pa.string())]
SCHEMAS: Mapping[Task, pa.Schema] = {
    Task.CHAT: pa.schema([*_COMMON, ("text", pa.string()), ("finish_reason", pa.string()), *_COST]),
    Task.TEXT_TO_SQL: pa.schema(
        [
            *_COMMON,
            ("sql", pa.string()),
            ("columns", pa.list_(pa.string())),
            # A list of lists as JSON: each query's cells have types of their own.
            ("rows", pa.string()),
            ("truncated", pa.bool_()),
            ("attempts", pa.int32()),
            *_COST,
        ]
    ),
}


class Format(StrEnum):
    """Of the output; the value is the option's and the files' ending."""

    JSON_LINES = "jsonl"
    PARQUET = "parquet"


def chat_answer(row: Row, result: GenerationResult) -> AnswerFields:
    """Returns what the output says of an answered conversation."""
    return {
        "id": row.id,
        "adapter": row.adapter or BASE,
        "text": result.text,
        "finish_reason": result.finish_reason,
        "prompt_tokens": result.prompt_tokens,
        "output_tokens": result.output_tokens,
    }


def sql_answer(row: Row, answer: Answer) -> AnswerFields:
    """Returns what the output says of an answered question; tokens are those of all its candidates and attempts."""
    return {
        "id": row.id,
        "adapter": row.adapter or BASE,
        "sql": answer.sql,
        "columns": list(answer.columns),
        "rows": [[printable_cell(value) for value in cells] for cells in answer.rows],
        "truncated": answer.truncated,
        "attempts": answer.attempts,
        "prompt_tokens": answer.generation.prompt_tokens if answer.generation else None,
        "output_tokens": answer.output_tokens,
        "error": answer.error,
    }


def failed_answer(row_id: str, error: Exception) -> AnswerFields:
    """Returns what the output says of a row that could not be asked."""
    return {"id": row_id, "error": encodable(str(error))}


def write_answers(path: Path, task: Task, answers: Sequence[AnswerFields]) -> None:
    """Writes the answers of one part, in the order of its rows; the ending of the path decides the format."""
    encode = _parquet if path.suffix == f".{Format.PARQUET}" else _json_lines
    write_bytes(path, encode(SCHEMAS[task], answers))


def _json_lines(schema: pa.Schema, answers: Sequence[AnswerFields]) -> bytes:
    lines = ({name: answer.get(name) for name in schema.names} for answer in answers)
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines).encode()


def _parquet(schema: pa.Schema, answers: Sequence[AnswerFields]) -> bytes:
    rows = [answer | _rows_as_json(answer) for answer in answers]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer)
    return buffer.getvalue().to_pybytes()


def _rows_as_json(answer: AnswerFields) -> AnswerFields:
    return {"rows": json.dumps(answer["rows"], ensure_ascii=False)} if answer.get("rows") is not None else {}
