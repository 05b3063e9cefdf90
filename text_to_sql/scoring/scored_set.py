"""A set of cases made ready, and scored database by database."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from text_to_sql.data.kind import kind_of
from text_to_sql.scoring.cases import Case, CaseError
from text_to_sql.scoring.predictions import Prediction
from text_to_sql.scoring.score import DatabaseScorer, Verdict
from text_to_sql.scoring.variants import make_variants

# Each has a database and its variants open, with a process for each.
_MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """A case, what was answered, and what that is worth."""

    case: Case
    prediction: Prediction
    verdict: Verdict

    @property
    def kind(self) -> str:
        """`simple`, `join` or `nested/setop`, by the gold."""
        return kind_of(self.case.sql)


def by_database(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """Returns the cases of each database, in the order in which databases first occur."""
    groups = defaultdict(list)
    for case in cases:
        groups[case.db_id].append(case)
    return dict(groups)


def usable_cases(cases: Sequence[Case], databases: Mapping[str, Path], *, drop_bad: bool) -> list[Case]:
    """Returns the cases whose gold runs and returns rows.

    Args:
        cases: the set.
        databases: the file of each database.
        drop_bad: whether to leave out the others; else the first of them is an error.

    Raises:
        CaseError: a gold cannot be judged by, or none can.
        DatabaseFileError: a database cannot be opened.
    """
    good = []
    for db_id, group in by_database(cases).items():
        with DatabaseScorer([databases[db_id]]) as scorer:
            good += [case for case in group if _is_usable(scorer, case, drop_bad)]
    if not good:
        raise CaseError("No case is left: every gold fails, or returns no rows or too many.")
    order = {id(case): place for place, case in enumerate(cases)}
    return sorted(good, key=lambda case: order[id(case)])


def _is_usable(scorer: DatabaseScorer, case: Case, drop_bad: bool) -> bool:
    try:
        scorer.check(case)
    except CaseError as error:
        if drop_bad:
            return False
        raise CaseError(f"{error} Remove the case, or pass --drop-bad-cases.") from error
    return True


@dataclass(frozen=True, slots=True)
class VariantMaker:
    """Makes the variants of each database, of all golds about it, whichever of them are scored.

    Attributes:
        cases: the whole set.
        folder: where variants are kept during a run.
        seed: of all variants.
        count: variants of each database.
    """

    cases: Sequence[Case]
    folder: Path
    seed: int
    count: int

    def variants(self, db_id: str, database: Path) -> list[Path]:
        """Returns the variants of one database."""
        golds = [case.sql for case in self.cases if case.db_id == db_id]
        return make_variants(database, golds, self.folder, self.seed, self.count)


def score_all(
    answered: Sequence[tuple[Case, Prediction]], databases: Mapping[str, Path], maker: VariantMaker
) -> list[ScoredCase]:
    """Returns each case with its verdict, in the given order; several databases are scored at a time."""
    predictions = {id(case): prediction for case, prediction in answered}
    verdicts: dict[int, Verdict] = {}
    with tqdm(total=len(answered), desc="Scoring", unit="case") as progress:

        def score_database(db_id: str, group: Sequence[Case]) -> None:
            with DatabaseScorer([databases[db_id], *maker.variants(db_id, databases[db_id])]) as scorer:
                for case in group:
                    verdicts[id(case)] = _verdict(scorer, case, predictions[id(case)])
                    progress.update()

        groups = by_database(case for case, _ in answered)
        # Queries run in processes of their own, so threads are enough to keep the cores busy.
        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
            try:
                list(pool.map(score_database, groups, groups.values()))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    return [ScoredCase(case, prediction, verdicts[id(case)]) for case, prediction in answered]


def _verdict(scorer: DatabaseScorer, case: Case, prediction: Prediction) -> Verdict:
    if prediction.error is not None:
        return Verdict(executes=False, correct=False, error=prediction.error)
    return scorer.score(case, prediction.sql)


def batches(cases: Sequence[Case], most_cases: int, most_databases: int) -> Iterator[list[Case]]:
    """Yields all cases, those about one database in turn, so many cases about so many databases at a time."""
    batch: list[Case] = []
    for group in by_database(cases).values():
        for case in group:
            is_new = not batch or batch[-1].db_id != case.db_id
            if len(batch) == most_cases or (is_new and len(by_database(batch)) == most_databases):
                yield batch
                batch = []
            batch.append(case)
    if batch:
        yield batch
