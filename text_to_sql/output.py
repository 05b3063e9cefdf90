"""Answers as a program reads them (JSON lines) and as a person does (tables)."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from inference.results import GenerationResult
from text_to_sql.answer import Answer

SHOWN_ROWS = 50
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable_cell(value: float | str | bytes | None) -> float | str | None:
    """Returns a value of SQLite as JSON can hold it.

    A BLOB becomes SQLite's own literal (`X'FF'`), an infinite number `Infinity` or `-Infinity`; SQLite has no NaN.
    """
    if isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def visible(text: str) -> str:
    """Returns a text for a terminal: control characters, which could move its cursor or colour it, as `\\x1b`.

    Line ends and tabs stay.
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def print_json(answers: Sequence[Answer], output: TextIO) -> None:
    """Writes one JSON object a line for each answer; `metrics` is null where the model was not asked."""
    for answer in answers:
        line = {
            "question": answer.question,
            "sql": answer.sql,
            "columns": answer.columns,
            "rows": [[printable_cell(value) for value in row] for row in answer.rows],
            "error": answer.error,
            "metrics": _metrics(answer, answer.generation) if answer.generation else None,
        }
        print(json.dumps(line, ensure_ascii=False, allow_nan=False), file=output)


def _metrics(answer: Answer, generation: GenerationResult) -> dict[str, Any]:
    return {
        "attempts": answer.attempts,
        "votes": answer.votes,
        "candidates": answer.candidates,
        "tables_left_out": list(answer.left_out),
        "prompt_tokens": generation.prompt_tokens,
        "output_tokens": generation.output_tokens,
        "all_output_tokens": answer.output_tokens,
        "finish_reason": generation.finish_reason,
        "time_to_first_token_s": round(generation.time_to_first_token_s, 4),
        "tokens_per_second": round(generation.tokens_per_second, 2),
        "rows_truncated": answer.truncated,
    }


def print_tables(answers: Sequence[Answer], seconds: float, output: TextIO) -> None:
    """Writes question, SQL, rows and speed of each answer, and the speed of all together.

    Args:
        answers: what to show; of each, the first `SHOWN_ROWS` rows.
        seconds: how long the whole batch took.
        output: where to write.
    """
    console = Console(file=output, highlight=False)
    for answer in answers:
        _print_answer(console, answer)
    tokens = sum(answer.output_tokens for answer in answers)
    console.print(f"\nAll together: {seconds:.1f} s, {tokens / seconds:.1f} tokens/s in one batch")


def _print_answer(console: Console, answer: Answer) -> None:
    # Not wrapped: a line that is to be copied must stay one.
    console.print(f"\n[bold]{_shown(answer.question)}[/bold]\n  {_shown(answer.sql)}", soft_wrap=True)
    if answer.error:
        console.print(f"[red]  {_shown(answer.error)}[/red]", soft_wrap=True)
    else:
        console.print(_table(answer))
    for note in _notes(answer):
        console.print(f"  {note}")
    if generation := answer.generation:
        console.print(
            f"[dim]  first token after {generation.time_to_first_token_s:.2f} s, "
            f"{generation.tokens_per_second:.1f} tokens/s, {generation.output_tokens} tokens[/dim]"
        )


def _shown(text: str) -> str:
    return escape(visible(text))


def _table(answer: Answer) -> Table:
    table = Table()
    for column in answer.columns:
        table.add_column(_shown(column))
    for row in answer.rows[:SHOWN_ROWS]:
        table.add_row(*("NULL" if value is None else _shown(str(printable_cell(value))) for value in row))
    return table


def _notes(answer: Answer) -> list[str]:
    """Returns what a reader should know of how the answer came about; nothing of one that came at once."""
    repaired = f"mended at attempt {answer.attempts}" if answer.attempts > 1 and not answer.error else ""
    voted = f"{answer.votes} of {answer.candidates} queries agree" if answer.candidates > 1 else ""
    tables = ", ".join(map(_shown, answer.left_out))
    left_out = f"The prompt had no room for {tables}: the answer does not use them." if tables else ""
    return [note for note in (_rows_not_shown(answer), repaired, voted, left_out) if note]


def _rows_not_shown(answer: Answer) -> str:
    shown, read = min(len(answer.rows), SHOWN_ROWS), len(answer.rows)
    if answer.truncated:
        return f"{shown:,} rows shown, and there are more than {read:,}: the rest was not read"
    return f"… and {read - shown:,} more rows" if read > shown else ""
