"""Questions on their way to answers: all that wait are one batch, and one more for each repair."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from inference.chat import Message
from inference.errors import PromptTooLongError
from inference.results import GenerationResult
from text_to_sql.answer import Answer
from text_to_sql.errors import AnswerCutOffError, TextToSQLError
from text_to_sql.execution.query_result import QueryResult
from text_to_sql.execution.sql_text import extract_sql
from text_to_sql.prompt import FailedAttempt, build_messages
from text_to_sql.schema import Schema
from text_to_sql.values import ValueMatch
from text_to_sql.voting import choose

# Every gold query of Spider's development set fits.
MAX_SQL_TOKENS = 256
_VOTING_TEMPERATURE = 0.7


class Inferencer(Protocol):
    """What this package asks of `VLLMInferenceWithLoRA`."""

    def prompt_tokens(self, messages: Sequence[Message]) -> int:
        """Returns the length of one prompt; raises PromptTooLongError if the context cannot hold it."""
        ...

    def generate_batch_detailed(
        self, conversations: Sequence[Sequence[Message]], **options: Any
    ) -> list[GenerationResult]:
        """Returns one result for each conversation, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class WithAdapter:
    """An inferencer with one of its loaded adapters in place of its default one.

    Attributes:
        inferencer: a `VLLMInferenceWithLoRA`.
        adapter: the name that the adapter was loaded under.
    """

    inferencer: Any
    adapter: str

    def prompt_tokens(self, messages: Sequence[Message]) -> int:
        """See `Inferencer`; raises AdapterError where no adapter has this name."""
        return self.inferencer.prompt_tokens(messages, adapter=self.adapter)

    def generate_batch_detailed(
        self, conversations: Sequence[Sequence[Message]], **options: Any
    ) -> list[GenerationResult]:
        """See `Inferencer`; raises AdapterError where no adapter has this name."""
        return self.inferencer.generate_batch_detailed(conversations, adapters=self.adapter, **options)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one database, and how it is asked.

    Attributes:
        question: as a person wrote it.
        schema: what the prompt shows.
        values: cells that the question names.
        left_out: tables that the prompt had no room for.
        execute: runs a query on the database; raises TextToSQLError.
        grammar: of the queries that can be written; None for any text.
        votes: queries to write in each attempt, at least 1.
        repairs: how often the model may still be shown its query and the error.
        failed: the attempts so far.
        output_tokens: of all of them together.
    """

    question: str
    schema: Schema
    values: tuple[ValueMatch, ...]
    left_out: tuple[str, ...]
    execute: Callable[[str], QueryResult]
    grammar: str | None
    votes: int
    repairs: int
    failed: tuple[FailedAttempt, ...] = ()
    output_tokens: int = 0

    @property
    def messages(self) -> list[Message]:
        """The conversation to send."""
        return build_messages(self.schema, self.question, self.values, self.failed)

    def sampling(self, number: int) -> dict[str, Any]:
        """Returns the sampling parameters of one of the votes; the first is greedy."""
        if number == 0:
            return {"temperature": 0, "grammar": self.grammar}
        return {
            "temperature": _VOTING_TEMPERATURE,
            "top_p": 1.0,
            "top_k": 0,
            "seed": number,
            "grammar": self.grammar,
        }


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One answer of the model, and what came of it."""

    generation: GenerationResult
    sql: str
    result: QueryResult | None = None
    error: str | None = None


def answer_together(
    inferencer: Inferencer,
    questions: Sequence[Asked | Answer],
    *,
    max_tokens: int = MAX_SQL_TOKENS,
    show_progress: bool = True,
) -> list[Answer]:
    """Returns the answers to questions, which may be about several databases, in their order.

    Args:
        inferencer: the model.
        questions: from `TextToSQL.prepare`; what is an answer already is returned as it is.
        max_tokens: longest answer.
        show_progress: whether a progress bar is shown on standard error.
    """
    answers = {index: one for index, one in enumerate(questions) if isinstance(one, Answer)}
    waiting = {index: one for index, one in enumerate(questions) if isinstance(one, Asked)}
    while waiting:
        written = _write(inferencer, waiting, max_tokens, show_progress)
        answers |= {index: _answer(asked, written[index]) for index, asked in waiting.items()}
        repairs = {
            index: _again(asked, written[index])
            for index, asked in waiting.items()
            if _may_be_repaired(asked, written[index])
        }
        waiting = {index: asked for index, asked in repairs.items() if _fits(inferencer, asked)}
    return [answers[index] for index in range(len(questions))]


def _write(
    inferencer: Inferencer, waiting: Mapping[int, Asked], max_tokens: int, show_progress: bool
) -> dict[int, list[_Candidate]]:
    """Returns the candidates of each question, the greedy one first."""
    requests = [(index, number) for index, asked in waiting.items() for number in range(asked.votes)]
    messages = {index: asked.messages for index, asked in waiting.items()}
    generations = inferencer.generate_batch_detailed(
        [messages[index] for index, _ in requests],
        each=[waiting[index].sampling(number) for index, number in requests],
        max_tokens=max_tokens,
        show_progress=show_progress,
    )
    candidates = defaultdict(list)
    for (index, _), generation in zip(requests, generations, strict=True):
        candidates[index].append(_run(waiting[index], generation, max_tokens))
    return candidates


def _run(asked: Asked, generation: GenerationResult, max_tokens: int) -> _Candidate:
    sql = generation.text.strip()
    try:
        _check_complete(generation, max_tokens)
        sql = extract_sql(generation.text)
        return _Candidate(generation, sql, asked.execute(sql))
    except TextToSQLError as error:
        return _Candidate(generation, sql, error=str(error))


def _answer(asked: Asked, candidates: Sequence[_Candidate]) -> Answer:
    index, votes = choose([candidate.result for candidate in candidates]) or (0, 0)
    chosen = candidates[index]
    answer = Answer(
        asked.question,
        chosen.sql,
        error=chosen.error,
        attempts=len(asked.failed) + 1,
        votes=votes,
        candidates=len(candidates),
        left_out=asked.left_out,
        generation=chosen.generation,
        output_tokens=asked.output_tokens + _tokens(candidates),
    )
    if chosen.result is None:
        return answer
    return replace(answer, columns=chosen.result.columns, rows=chosen.result.rows, truncated=chosen.result.truncated)


def _tokens(candidates: Sequence[_Candidate]) -> int:
    return sum(candidate.generation.output_tokens for candidate in candidates)


def _may_be_repaired(asked: Asked, candidates: Sequence[_Candidate]) -> bool:
    """Whether nothing could be run, and the greedy answer is whole: one that was cut off would only grow."""
    nothing_ran = all(candidate.result is None for candidate in candidates)
    return asked.repairs > 0 and nothing_ran and candidates[0].generation.finish_reason == "stop"


def _fits(inferencer: Inferencer, asked: Asked) -> bool:
    """Whether the context holds the prompt, with the failed queries in it."""
    try:
        inferencer.prompt_tokens(asked.messages)
    except PromptTooLongError:
        return False
    return True


def _again(asked: Asked, candidates: Sequence[_Candidate]) -> Asked:
    first = candidates[0]
    return replace(
        asked,
        repairs=asked.repairs - 1,
        failed=(*asked.failed, FailedAttempt(first.sql, first.error or "")),
        output_tokens=asked.output_tokens + _tokens(candidates),
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
