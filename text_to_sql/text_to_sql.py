"""From a question to rows: schema → prompt → SQL → checked → executed read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inference.results import GenerationResult
from text_to_sql.errors import TextToSQLError
from text_to_sql.prompt import Message, build_messages
from text_to_sql.read_only_database import ReadOnlyDatabase
from text_to_sql.sql_text import extract_sql

# The longest gold query of Spider's development set has 161 tokens.
MAX_SQL_TOKENS = 160


class Inferencer(Protocol):
    """What this module asks of `VLLMInferenceWithLoRA`."""

    def generate_batch_detailed(
        self, conversations: Sequence[Sequence[Message]], **options: Any
    ) -> list[GenerationResult]:
        """Returns one result for each conversation, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question.

    Attributes:
        sql: the statement; where `error` is set, the model's text as it came.
        columns: names of the result's columns.
        rows: the result.
        truncated: whether there were more rows than the database's limit.
        error: why there is no result, in one sentence; None if there is one.
        attempts: how often the model was asked.
        generation: token counts and times of the model's answer.
    """

    question: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    error: str | None
    attempts: int
    generation: GenerationResult


class TextToSQL:
    """Answers questions about one database with SQL that a model writes and that can only read."""

    def __init__(self, inferencer: Inferencer, database: ReadOnlyDatabase) -> None:
        self._inferencer = inferencer
        self._database = database
        self._schema = database.schema.render()

    def ask(self, question: str, *, max_tokens: int = MAX_SQL_TOKENS) -> Answer:
        """Returns the answer to one question; a failure is in its `error`, not raised."""
        [answer] = self.ask_all([question], max_tokens=max_tokens, show_progress=False)
        return answer

    def ask_all(
        self, questions: Sequence[str], *, max_tokens: int = MAX_SQL_TOKENS, show_progress: bool = True
    ) -> list[Answer]:
        """Returns the answers to many questions, in their order; the model is asked in one batch, greedily."""
        generations = self._inferencer.generate_batch_detailed(
            [build_messages(self._schema, question) for question in questions],
            temperature=0,
            max_tokens=max_tokens,
            show_progress=show_progress,
        )
        return [self._execute(question, result) for question, result in zip(questions, generations, strict=True)]

    def _execute(self, question: str, generation: GenerationResult) -> Answer:
        sql = generation.text.strip()
        try:
            sql = extract_sql(generation.text)
            result = self._database.execute(sql)
        except TextToSQLError as error:
            return Answer(question, sql, (), (), False, str(error), 1, generation)
        return Answer(question, sql, result.columns, result.rows, result.truncated, None, 1, generation)
