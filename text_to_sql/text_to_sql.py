"""From a question to rows: schema → prompt → SQL → checked → executed read-only."""

from collections.abc import Callable, Sequence

from inference.errors import PromptTooLongError
from text_to_sql.answer import Answer
from text_to_sql.asking import MAX_SQL_TOKENS, Asked, Inferencer, WithAdapter, answer_together
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from text_to_sql.grammar import sql_grammar
from text_to_sql.prompt import build_messages
from text_to_sql.pruning import prune_schema
from text_to_sql.schema import Schema, folded
from text_to_sql.values import ValueIndex, ValueMatch

# The adapter was trained on prompts and answers up to this length together.
MAX_PROMPT_TOKENS = 1_024


class TextToSQL:
    """Answers questions about one database with SQL that a model writes and that can only read.

    Args:
        inferencer: a `VLLMInferenceWithLoRA`, or whatever answers as it does.
        database: what questions are about. Its schema, and those of its short texts that a question names, become part
            of the prompt: as names and quoted cells, never as instructions.
        adapter: name of a loaded adapter that writes the SQL; None leaves it to the inferencer's default.
        grammar: whether the model can write only queries that the schema allows; joins are then limited to foreign
            keys. It made more answers right. A grammar takes 0.01 to 1.3 s to compile, once a schema.
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
        adapter: str | None = None,
        grammar: bool = True,
        votes: int = 1,
        max_repairs: int = 1,
    ) -> None:
        if votes < 1:
            raise ValueError(f"votes must be at least 1, got {votes}")
        if max_repairs < 0:
            raise ValueError(f"max_repairs must be at least 0, got {max_repairs}")
        self._inferencer = inferencer if adapter is None else WithAdapter(inferencer, adapter)
        self._database = database
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
        prepared = [self.prepare(question) for question in questions]
        return answer_together(self._inferencer, prepared, max_tokens=max_tokens, show_progress=show_progress)

    def prepare(self, question: str) -> Asked | Answer:
        """Returns a question for `answer_together`, which asks about many databases in one batch.

        Returns:
            An answer with its `error` if the prompt is too long.
        """
        schema, values = self._database.schema, self._values.matches(question)
        chosen = prune_schema(schema, question, values, self._fits(question, values))
        asked = Asked(
            question,
            chosen,
            tuple(match for match in values if folded(match.table) in chosen.table_names),
            tuple(table.name for table in schema.tables if folded(table.name) not in chosen.table_names),
            self._database.execute,
            sql_grammar(chosen) if self._grammar else None,
            self._votes,
            self._max_repairs,
        )
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
