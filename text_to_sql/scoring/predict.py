"""The one place where a model is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.scoring.predictions import Prediction
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
    engine: Any, database: ReadOnlyDatabase, questions: Sequence[str], options: AskingOptions
) -> list[Prediction]:
    """Returns a model's answer to each question about one database, in one batch.

    Args:
        engine: a `VLLMInferenceWithLoRA`, whose default adapter is asked.
        database: what the questions are about.
        questions: in English.
        options: how to ask.
    """
    asker = TextToSQL(engine, database, grammar=options.grammar, votes=options.votes, max_repairs=options.max_repairs)
    answers = asker.ask_all(questions, show_progress=False)
    return [Prediction(answer.sql, answer.error) for answer in answers]
