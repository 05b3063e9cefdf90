"""Is a prediction right: it must return what the gold returns, on the database and on variants of it (EX-4).

1. Both run in the same sandbox: read-only, 2 s, 10,000 rows. A prediction that fails there, or has more, is wrong.
2. The results must be the same on every database; see `compare.same_result`.
3. A variant on which the gold is empty, or cannot be run, says nothing and is skipped.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlglot.errors import SqlglotError

from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.read_only_database import QueryResult, ReadOnlyDatabase
from text_to_sql.execution.sql_text import extract_sql
from text_to_sql.schema import Schema
from text_to_sql.scoring.cases import Case, CaseError
from text_to_sql.scoring.compare import same_result
from text_to_sql.scoring.gold_text import standard_strings
from text_to_sql.scoring.order import row_ranks


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a prediction is worth.

    Attributes:
        executes: it runs on the original database, within its limits.
        correct: it returns what the gold returns, on all databases.
        error: why it is not correct, in one sentence; None if it is.
        passed: databases on which it returned what the gold does, up to the first on which it did not.
    """

    executes: bool
    correct: bool
    error: str | None = None
    passed: int = 0


@dataclass(frozen=True, slots=True)
class _GoldResult:
    result: QueryResult
    ranks: tuple[int, ...] | None


class DatabaseScorer:
    """Scores predictions about one database; each gold is run once on each file.

    Args:
        paths: the database, and variants of it.

    Raises:
        DatabaseFileError: a file cannot be opened.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._golds: dict[str, list[_GoldResult | None]] = {}
        self._checked: set[str] = set()
        with ExitStack() as stack:
            self._databases = [stack.enter_context(ReadOnlyDatabase(path)) for path in paths]
            self._stack = stack.pop_all()

    @property
    def schema(self) -> Schema:
        """Tables of the database."""
        return self._databases[0].schema

    def check(self, case: Case) -> None:
        """Runs the gold on the original alone.

        Raises:
            CaseError: it cannot be run, returns no rows, or more than the limit.
        """
        if case.sql not in self._checked:
            self._run_gold(case, self._databases[0])
            self._checked.add(case.sql)

    def score(self, case: Case, prediction: str) -> Verdict:
        """Returns the verdict on a prediction: SQL, or a model's text with SQL in it.

        Raises:
            CaseError: the gold cannot be judged by; see `check`.
        """
        passed = 0
        for index, (database, gold) in enumerate(zip(self._databases, self._gold_results(case), strict=True)):
            if gold is None:
                continue
            try:
                result = database.execute(extract_sql(prediction))
            except TextToSQLError as error:
                return Verdict(executes=index > 0, correct=False, error=str(error), passed=passed)
            if result.truncated:
                error = "The result has more rows than are allowed."
                return Verdict(executes=index > 0, correct=False, error=error, passed=passed)
            if not same_result(gold.result, result, gold.ranks):
                error = f"Another result than the gold's on {f'variant {index}' if index else 'the database'}."
                return Verdict(executes=True, correct=False, error=error, passed=passed)
            passed += 1
        return Verdict(executes=True, correct=True, passed=passed)

    def _gold_results(self, case: Case) -> list[_GoldResult | None]:
        if case.sql not in self._golds:
            original, *variants = self._databases
            self._golds[case.sql] = [
                self._run_gold(case, original),
                *(self._run_gold_on_variant(case, variant) for variant in variants),
            ]
        return self._golds[case.sql]

    def _run_gold_on_variant(self, case: Case, variant: ReadOnlyDatabase) -> _GoldResult | None:
        try:
            return self._run_gold(case, variant)
        except CaseError:
            return None

    def _run_gold(self, case: Case, database: ReadOnlyDatabase) -> _GoldResult:
        sql = standard_strings(case.sql, self.schema)
        try:
            result = database.execute(sql)
            ranks = row_ranks(sql, result, database.execute)
        except (TextToSQLError, SqlglotError) as error:
            raise CaseError(f"{case.place}: the gold cannot be run on {case.db_id}: {error}") from error
        if not result.rows:
            raise CaseError(f"{case.place}: the gold returns no rows on {case.db_id}, as a wrong query may do too.")
        if result.truncated:
            raise CaseError(f"{case.place}: the gold returns more than {len(result.rows):,} rows on {case.db_id}.")
        return _GoldResult(result, ranks)

    def close(self) -> None:
        """Closes all files; a second call does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def score(case: Case, sql: str, databases: Sequence[Path]) -> Verdict:
    """Returns the verdict on one prediction; for many about one database, `DatabaseScorer` keeps the gold's results.

    Args:
        case: the question with its gold.
        sql: the prediction.
        databases: the original file first, then its variants.

    Raises:
        CaseError: the gold cannot be judged by.
        DatabaseFileError: a file cannot be opened.
    """
    with DatabaseScorer(databases) as scorer:
        return scorer.score(case, sql)
