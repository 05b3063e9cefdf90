"""Rows → answers, by one engine; a row that cannot be asked costs no other row its answer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import batched
from pathlib import Path
from typing import Any, Final

from batch_inference.answers import AnswerFields, chat_answer, failed_answer, sql_answer
from batch_inference.rows import ChatRow, QuestionRow
from inference.errors import ChatError
from inference.sampling import SamplingOptions
from text_to_sql.answer import Answer
from text_to_sql.asking import Asked, WithAdapter, answer_together
from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.scoring.predict import AskingOptions
from text_to_sql.text_to_sql import TextToSQL

# Each has a process while it is asked about.
_OPEN_DATABASES: Final = 64


def answer_conversations(llm: Any, rows: Sequence[ChatRow], sampling: SamplingOptions) -> list[AnswerFields]:
    """Returns an answer, or an error, for each conversation, in their order.

    Args:
        llm: a `VLLMInferenceWithLoRA` that has loaded the rows' adapters; without a default one.
        rows: conversations, which may choose different adapters.
        sampling: the same for all.
    """
    try:
        return _converse(llm, rows, sampling)
    except ChatError:
        # Rare: only then is each prompt looked at twice.
        refusals = [_refusal(llm, row) for row in rows]
    asked = [row for row, refusal in zip(rows, refusals, strict=True) if refusal is None]
    answers = iter(_converse(llm, asked, sampling))
    return [
        failed_answer(row.id, refusal) if refusal else next(answers)
        for row, refusal in zip(rows, refusals, strict=True)
    ]


def _converse(llm: Any, rows: Sequence[ChatRow], sampling: SamplingOptions) -> list[AnswerFields]:
    if not rows:
        return []
    results = llm.generate_batch_detailed(
        [row.messages for row in rows],
        adapters=[row.adapter for row in rows],
        show_progress=False,
        **asdict(sampling),
    )
    return [chat_answer(row, result) for row, result in zip(rows, results, strict=True)]


def _refusal(llm: Any, row: ChatRow) -> ChatError | None:
    try:
        llm.prompt_tokens(row.messages, adapter=row.adapter)
    except ChatError as error:
        return error
    return None


def answer_questions(llm: Any, rows: Sequence[QuestionRow], asking: AskingOptions) -> list[AnswerFields]:
    """Returns SQL and rows, or an error, for each question, in their order; those of one adapter are one batch.

    Args:
        llm: a `VLLMInferenceWithLoRA` that has loaded the rows' adapters; without a default one.
        rows: questions, which may be about different databases.
        asking: the same for all.
    """
    groups: dict[str | None, dict[Path, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, row in enumerate(rows):
        groups[row.adapter][row.database].append(index)
    answers: dict[int, AnswerFields] = {}
    for adapter, databases in groups.items():
        inferencer = llm if adapter is None else WithAdapter(llm, adapter)
        for some in batched(databases, _OPEN_DATABASES):
            answers |= _ask(inferencer, rows, {database: databases[database] for database in some}, asking)
    return [answers[index] for index in range(len(rows))]


def _ask(
    inferencer: Any, rows: Sequence[QuestionRow], databases: Mapping[Path, Sequence[int]], asking: AskingOptions
) -> dict[int, AnswerFields]:
    """Returns the answers about some databases, by the place of the row."""
    prepared: dict[int, Asked | Answer] = {}
    failed: dict[int, AnswerFields] = {}
    with ExitStack() as stack:
        for database, indices in databases.items():
            try:
                asker = _asker(inferencer, stack.enter_context(ReadOnlyDatabase(database)), asking)
            except (TextToSQLError, OSError) as error:
                failed |= {index: failed_answer(rows[index].id, error) for index in indices}
                continue
            for index in indices:
                try:
                    prepared[index] = asker.prepare(rows[index].question)
                except ChatError as error:
                    failed[index] = failed_answer(rows[index].id, error)
        answers = answer_together(inferencer, list(prepared.values()), show_progress=False)
    answered = zip(prepared, answers, strict=True)
    return failed | {index: sql_answer(rows[index], answer) for index, answer in answered}


def _asker(inferencer: Any, database: ReadOnlyDatabase, asking: AskingOptions) -> TextToSQL:
    return TextToSQL(inferencer, database, grammar=asking.grammar, votes=asking.votes, max_repairs=asking.max_repairs)
