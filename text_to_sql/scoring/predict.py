"""The one place where a model is asked."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text_to_sql.asking import answer_together
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.scoring.cases import Case
from text_to_sql.scoring.predictions import Prediction
from text_to_sql.scoring.scored_set import by_database
from text_to_sql.text_to_sql import TextToSQL


@dataclass(frozen=True, slots=True)
class AskingOptions:
    """How questions are asked; see `TextToSQL`.

    Attributes:
        grammar: whether only queries that the schema allows can be written.
        votes: queries for each question, at least 1.
        max_repairs: how often a query that fails is written again, at least 0.
    """

    grammar: bool = True
    votes: int = 1
    max_repairs: int = 1

    def __post_init__(self) -> None:
        if self.votes < 1:
            raise ValueError(f"votes must be at least 1, got {self.votes}")
        if self.max_repairs < 0:
            raise ValueError(f"max_repairs must be at least 0, got {self.max_repairs}")


def predict(
    engine: Any, cases: Sequence[Case], databases: Mapping[str, Path], options: AskingOptions
) -> list[Prediction]:
    """Returns a model's answer to the question of each case, asked in one batch.

    Args:
        engine: a `VLLMInferenceWithLoRA`, whose default adapter is asked.
        cases: with questions in English.
        databases: file of each database, by its `db_id`.
        options: how to ask.
    """
    with ExitStack() as stack:
        askers = {
            db_id: TextToSQL(
                engine,
                stack.enter_context(ReadOnlyDatabase(databases[db_id])),
                grammar=options.grammar,
                votes=options.votes,
                max_repairs=options.max_repairs,
            )
            for db_id in by_database(cases)
        }
        prepared = [askers[case.db_id].prepare(case.question) for case in cases]
        answers = answer_together(engine, prepared, show_progress=False)
    return [Prediction(answer.sql, answer.error, answer.output_tokens, answer.attempts) for answer in answers]
