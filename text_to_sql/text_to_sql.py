"""From a question to rows: schema → prompt → SQL → checked → executed read-only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from inference.chat import Message
from inference.errors import PromptTooLongError
from inference.results import GenerationResult
from text_to_sql.answer import Answer
from text_to_sql.errors import AnswerCutOffError, TextToSQLError
from text_to_sql.execution.read_only_database import QueryResult, ReadOnlyDatabase
from text_to_sql.execution.sql_text import extract_sql
from text_to_sql.grammar import sql_grammar
from text_to_sql.prompt import FailedAttempt, build_messages
from text_to_sql.pruning import prune_schema
from text_to_sql.schema import Schema
from text_to_sql.values import ValueIndex, ValueMatch
from text_to_sql.voting import choose

# Every gold query of Spider's development set fits.
MAX_SQL_TOKENS = 256
# The adapter was trained on prompts and answers up to this length together.
MAX_PROMPT_TOKENS = 1_024
_VOTING_TEMPERATURE = 0.7


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
class _Asked:
    """A question on its way."""

    question: str
    schema: Schema
    values: tuple[ValueMatch, ...]
    left_out: tuple[str, ...]
    failed: tuple[FailedAttempt, ...] = ()
    output_tokens: int = 0

    @property
    def messages(self) -> list[Message]:
        return build_messages(self.schema, self.question, self.values, self.failed)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One answer of the model, and what came of it."""

    generation: GenerationResult
    sql: str
    result: QueryResult | None = None
    error: str | None = None


class TextToSQL:
    """Answers questions about one database with SQL that a model writes and that can only read.

    Args:
        inferencer: a `VLLMInferenceWithLoRA`, or whatever answers as it does.
        database: what questions are about. Its schema, and those of its short texts that a question names, become part
            of the prompt: as names and quoted cells, never as instructions.
        grammar: whether the model can write only queries that the schema allows. It costs some percent of the speed and
            no accuracy that was seen; joins are then limited to foreign keys.
        votes: queries to write for each question, at least 1: one greedy, the others sampled. The result that most of
            them have is the answer.
        max_repairs: how often the model is shown its query and the error, and asked again; at least 0.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        inferencer: Inferencer,
        database: ReadOnlyDatabase,
        *,
        grammar: bool = True,
        votes: int = 1,
        max_repairs: int = 1,
    ) -> None:
        if votes < 1:
            raise ValueError(f"votes must be at least 1, got {votes}")
        if max_repairs < 0:
            raise ValueError(f"max_repairs must be at least 0, got {max_repairs}")
        self._inferencer, self._database = inferencer, database
        self._grammar, self._votes, self._max_repairs = grammar, votes, max_repairs
        self._values = ValueIndex(database.sample_texts())

    def ask(self, question: str, *, max_tokens: int = MAX_SQL_TOKENS) -> Answer:
        """Returns the answer to one question; a failure is in its `error`, not raised."""
        [answer] = self.ask_all([question], max_tokens=max_tokens, show_progress=False)
        return answer

    def ask_all(
        self, questions: Sequence[str], *, max_tokens: int = MAX_SQL_TOKENS, show_progress: bool = True
    ) -> list[Answer]:
        """Returns the answers to many questions, in their order; the model is asked in one batch, and once a repair.

        A question whose prompt is too long has that as its `error`; the others are answered.
        """
        answers: dict[int, Answer] = {}
        waiting: dict[int, _Asked] = {}
        for index, question in enumerate(questions):
            asked = self._prepare(question)
            if isinstance(asked, Answer):
                answers[index] = asked
            else:
                waiting[index] = asked
        for attempt in range(1 + self._max_repairs):
            if not waiting:
                break
            candidates = self._generate(list(waiting.values()), max_tokens, show_progress)
            for (index, asked), own in zip(list(waiting.items()), candidates, strict=True):
                answers[index] = _answer(asked, own, attempt + 1)
                waiting[index] = _again(asked, own)
                if not _may_be_repaired(own):
                    del waiting[index]
        return [answers[index] for index in range(len(questions))]

    def _prepare(self, question: str) -> _Asked | Answer:
        schema, values = self._database.schema, self._values.matches(question)
        chosen = prune_schema(schema, question, values, self._fits(question, values))
        kept = tuple(match for match in values if match.table.lower() in chosen.table_names)
        left_out = tuple(table.name for table in schema.tables if table.name.lower() not in chosen.table_names)
        asked = _Asked(question, chosen, kept, left_out)
        try:
            self._inferencer.prompt_tokens(asked.messages)
        except PromptTooLongError as error:
            return Answer(question, "", error=f"{error} Ask about a database with narrower tables.", attempts=0)
        return asked

    def _fits(self, question: str, values: tuple[ValueMatch, ...]) -> Callable[[Schema], bool]:
        def fits(schema: Schema) -> bool:
            try:
                return self._inferencer.prompt_tokens(build_messages(schema, question, values)) <= MAX_PROMPT_TOKENS
            except PromptTooLongError:
                return False

        return fits

    def _generate(self, waiting: Sequence[_Asked], max_tokens: int, show_progress: bool) -> list[list[_Candidate]]:
        """Returns the candidates of each question, the greedy one first."""
        options = [self._options(asked, number) for asked in waiting for number in range(self._votes)]
        generations = self._inferencer.generate_batch_detailed(
            [asked.messages for asked in waiting for _ in range(self._votes)],
            each=options,
            max_tokens=max_tokens,
            show_progress=show_progress,
        )
        candidates = [self._execute(generation, max_tokens) for generation in generations]
        return [candidates[start : start + self._votes] for start in range(0, len(candidates), self._votes)]

    def _options(self, asked: _Asked, number: int) -> dict[str, Any]:
        grammar = sql_grammar(asked.schema) if self._grammar else None
        if number == 0:
            return {"temperature": 0, "grammar": grammar}
        return {"temperature": _VOTING_TEMPERATURE, "top_p": 1.0, "top_k": 0, "seed": number, "grammar": grammar}

    def _execute(self, generation: GenerationResult, max_tokens: int) -> _Candidate:
        sql = generation.text.strip()
        try:
            _check_complete(generation, max_tokens)
            sql = extract_sql(generation.text)
            return _Candidate(generation, sql, self._database.execute(sql))
        except TextToSQLError as error:
            return _Candidate(generation, sql, error=str(error))


def _answer(asked: _Asked, candidates: Sequence[_Candidate], attempts: int) -> Answer:
    tokens = asked.output_tokens + sum(candidate.generation.output_tokens for candidate in candidates)
    choice = choose([candidate.result for candidate in candidates])
    index, votes = choice or (0, 0)
    chosen = candidates[index]
    answer = Answer(
        asked.question,
        chosen.sql,
        error=chosen.error,
        attempts=attempts,
        votes=votes,
        candidates=len(candidates),
        left_out=asked.left_out,
        generation=chosen.generation,
        output_tokens=tokens,
    )
    if chosen.result is None:
        return answer
    return replace(answer, columns=chosen.result.columns, rows=chosen.result.rows, truncated=chosen.result.truncated)


def _may_be_repaired(candidates: Sequence[_Candidate]) -> bool:
    """Whether nothing could be run, and the greedy answer is whole: one that was cut off would only grow."""
    return (
        all(candidate.result is None for candidate in candidates) and candidates[0].generation.finish_reason == "stop"
    )


def _again(asked: _Asked, candidates: Sequence[_Candidate]) -> _Asked:
    first = candidates[0]
    return replace(
        asked,
        failed=(*asked.failed, FailedAttempt(first.sql, first.error or "")),
        output_tokens=asked.output_tokens + sum(candidate.generation.output_tokens for candidate in candidates),
    )


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
