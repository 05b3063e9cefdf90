"""How often the SQL of Part 6 is right: live on some questions, and as recorded on all sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from text_to_sql.reference_set import ReferenceQuestion
from text_to_sql.sample_database import sample_database_path
from text_to_sql.text_to_sql import TextToSQL

if TYPE_CHECKING:
    from IPython.display import Markdown


@dataclass(frozen=True, slots=True)
class Score:
    """What became of some questions.

    Attributes:
        num_right: whose rows are those of the gold.
        num_executed: whose SQL could be run.
        num_questions: all.
        wrong: question, SQL and reason of each that is not right.
    """

    num_right: int
    num_executed: int
    num_questions: int
    wrong: tuple[tuple[str, str, str], ...]

    @property
    def summary(self) -> str:
        """One sentence, with Wilson's interval of the share that is right."""
        from text_to_sql.scoring.statistics import Share

        right = Share(self.num_right, self.num_questions)
        low, high = right.interval
        return (
            f"{self.num_right} of {self.num_questions} right, {right.percent:.0f} % (95 % interval: {low:.0f} to "
            f"{high:.0f} %); {self.num_executed} executed"
        )


def score_questions(asker: TextToSQL, questions: Sequence[ReferenceQuestion]) -> Score:
    """Returns how an asker does on questions about the bookshop, judged on the bookshop alone.

    Args:
        asker: answers them in one batch.
        questions: at least one.
    """
    from text_to_sql.scoring.cases import Case
    from text_to_sql.scoring.score import DatabaseScorer

    answers = asker.ask_all([one.question for one in questions], show_progress=False)
    with DatabaseScorer([sample_database_path()]) as scorer:
        verdicts = [
            scorer.score(Case(one.db_id, one.question, one.sql), answer.sql)
            for one, answer in zip(questions, answers, strict=True)
        ]
    wrong = tuple(
        (answer.question, answer.sql, verdict.error or "")
        for answer, verdict in zip(answers, verdicts, strict=True)
        if not verdict.correct
    )
    executed = sum(verdict.executes for verdict in verdicts)
    return Score(len(questions) - len(wrong), executed, len(questions), wrong)


def accuracy_table() -> "Markdown":
    """Returns the recorded accuracies of `python -m benchmarks.text_to_sql_accuracy`."""
    from IPython.display import Markdown

    from benchmarks.stored_results import load
    from text_to_sql.scoring import tables

    record = load("text_to_sql_accuracy")
    return Markdown(f"{tables.accuracy_table(record)}\n\nOn schemas of Spider's kind:\n\n{tables.aids_table(record)}")
