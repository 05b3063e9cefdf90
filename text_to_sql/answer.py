"""What came of one question."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference.results import GenerationResult

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question.

    Attributes:
        sql: the statement; where `error` is set, the model's last text as it came.
        columns: names of the result's columns.
        rows: the result.
        truncated: whether there were more rows than the database's limit.
        error: why there is no result, in one sentence; None if there is one.
        attempts: how often the model was asked in turn: 1, and 1 more for each repair; 0 if the prompt is too long.
        votes: how many of the candidates gave this result.
        candidates: how many queries the last attempt had to choose from.
        left_out: tables that the prompt had no room for.
        generation: token counts and times of the chosen answer; None if the model was not asked.
        output_tokens: tokens of all candidates of all attempts together.
    """

    question: str
    sql: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    truncated: bool = False
    error: str | None = None
    attempts: int = 1
    votes: int = 1
    candidates: int = 1
    left_out: tuple[str, ...] = ()
    generation: GenerationResult | None = None
    output_tokens: int = 0

    def to_frame(self) -> "pd.DataFrame":
        """Returns the rows as a pandas frame; empty where there is an error."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))
