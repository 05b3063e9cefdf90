"""A set of cases made ready, and scored database by database."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event

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
    """Returns each case with its verdict, in the given order; up to one database a core is scored at a time.

    What cannot be scored, and Ctrl-C, end it after the query in hand.
    """
    places = {id(case): place for place, (case, _) in enumerate(answered)}
    groups = by_database(case for case, _ in answered)
    scored: dict[int, ScoredCase] = {}
    stop = Event()

    def score_database(db_id: str) -> None:
        with DatabaseScorer([databases[db_id], *maker.variants(db_id, databases[db_id])]) as scorer:
            for case in groups[db_id]:
                if stop.is_set():
                    return
                prediction = answered[places[id(case)]][1]
                scored[places[id(case)]] = ScoredCase(case, prediction, _verdict(scorer, case, prediction))
                progress.update()

    # Queries run in processes of their own, so threads are enough to keep the cores busy.
    threads = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))
    with tqdm(total=len(answered), desc="Scoring", unit="case") as progress, threads as pool:
        jobs = [pool.submit(score_database, db_id) for db_id in groups]
        try:
            for job in as_completed(jobs):
                job.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return [scored[place] for place in range(len(answered))]


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
