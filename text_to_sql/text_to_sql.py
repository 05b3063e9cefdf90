"""From a question to rows: schema → prompt → SQL → checked → executed read-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inference.chat import Message
from inference.errors import PromptTooLongError
from inference.results import GenerationResult
from text_to_sql.errors import AnswerCutOffError, TextToSQLError
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.execution.sql_text import extract_sql
from text_to_sql.prompt import build_messages

# Every gold query of Spider's development set but the longest, of 161 tokens, fits.
MAX_SQL_TOKENS = 160


class Inferencer(Protocol):
    """What this module asks of `VLLMInferenceWithLoRA`."""

    def prompt_tokens(self, messages: Sequence[Message]) -> int:
        """Returns the length of one prompt; raises PromptTooLongError if the context cannot hold it."""
        ...

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
        attempts: how often the model was asked; 0 if the prompt is too long for it.
        generation: token counts and times of the model's answer; None if it was not asked.
    """

    question: str
    sql: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    truncated: bool = False
    error: str | None = None
    attempts: int = 1
    generation: GenerationResult | None = None


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
        """Returns the answers to many questions, in their order; the model is asked in one batch, greedily.

        A question whose prompt is too long has that as its `error`; the others are answered.
        """
        conversations = [build_messages(self._schema, question) for question in questions]
        too_long = [self._why_too_long(messages) for messages in conversations]
        answers = [
            Answer(question, "", error=why, attempts=0) for question, why in zip(questions, too_long, strict=True)
        ]
        asked = [index for index, why in enumerate(too_long) if why is None]
        generations = self._generate([conversations[index] for index in asked], max_tokens, show_progress)
        for index, generation in zip(asked, generations, strict=True):
            answers[index] = self._execute(questions[index], generation, max_tokens)
        return answers

    def _why_too_long(self, messages: Sequence[Message]) -> str | None:
        try:
            self._inferencer.prompt_tokens(messages)
        except PromptTooLongError as error:
            return f"{error} Most of the prompt is the schema: ask a database with fewer or narrower tables."
        return None

    def _generate(
        self, conversations: Sequence[Sequence[Message]], max_tokens: int, show_progress: bool
    ) -> list[GenerationResult]:
        if not conversations:
            return []
        return self._inferencer.generate_batch_detailed(
            conversations, temperature=0, max_tokens=max_tokens, show_progress=show_progress
        )

    def _execute(self, question: str, generation: GenerationResult, max_tokens: int) -> Answer:
        sql = generation.text.strip()
        try:
            _check_complete(generation, max_tokens)
            sql = extract_sql(generation.text)
            result = self._database.execute(sql)
        except TextToSQLError as error:
            return Answer(question, sql, error=str(error), generation=generation)
        return Answer(question, sql, result.columns, result.rows, result.truncated, generation=generation)


def _check_complete(generation: GenerationResult, max_tokens: int) -> None:
    if generation.finish_reason != "length":
        return
    if generation.output_tokens < max_tokens:
        remedy = "the context is full. Ask about fewer tables, or start with a larger max_model_len if the model allows"
    else:
        remedy = "raise it"
    raise AnswerCutOffError(
        f"The answer was cut off after {generation.output_tokens:,} tokens and not run, because cut SQL can be valid "
        f"and answer another question. max_tokens (--max-tokens) is {max_tokens:,}: {remedy}."
    )
