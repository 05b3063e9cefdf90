"""Does the scorer find what is wrong, and only that? Golds in other spellings must pass, wrong neighbours must not.

python -m text_to_sql.scoring.self_test --cases cases.jsonl --databases DIR
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from text_to_sql.errors import TextToSQLError
from text_to_sql.scoring.cases import Case, database_paths, load_cases
from text_to_sql.scoring.gold_text import standard_strings
from text_to_sql.scoring.mutations import mutations
from text_to_sql.scoring.respellings import respellings
from text_to_sql.scoring.score import DatabaseScorer
from text_to_sql.scoring.scored_set import VariantMaker, by_database, usable_cases
from text_to_sql.scoring.statistics import Share
from text_to_sql.scoring.template_baseline import template_sql


@dataclass(frozen=True, slots=True)
class Trial:
    """One query that was scored.

    Attributes:
        kind: what was done to the gold.
        gold, sql: the two queries.
        executes: whether it ran.
        accepted: whether it passed on all databases.
        accepted_by_one: whether it passed on the original, so without variants.
    """

    kind: str
    gold: str
    sql: str
    executes: bool
    accepted: bool
    accepted_by_one: bool


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came of all trials: `right` must pass, `wrong` must not, `template` answers without a model."""

    right: tuple[Trial, ...]
    wrong: tuple[Trial, ...]
    template: tuple[Trial, ...]

    @property
    def rejected(self) -> list[Trial]:
        """Golds in another spelling that were judged wrong."""
        return [trial for trial in self.right if not trial.accepted]


def run_self_test(cases: Sequence[Case], databases: Mapping[str, Path], maker: VariantMaker) -> SelfTest:
    """Returns the trials of all golds, each gold once; mutations that do not run are left out.

    Args:
        cases: whose golds run and return rows.
        databases: the file of each database.
        maker: makes their variants.
    """
    right: list[Trial] = []
    wrong: list[Trial] = []
    template: list[Trial] = []
    for db_id, group in tqdm(by_database(cases).items(), desc="Testing the scorer", unit="database"):
        with DatabaseScorer([databases[db_id], *maker.variants(db_id, databases[db_id])]) as scorer:
            for case in {case.sql: case for case in group}.values():
                gold, schema = standard_strings(case.sql, scorer.schema), scorer.schema
                right += _trials(scorer, case, respellings(gold, schema))
                rng = random.Random(f"{maker.seed} {case.sql}")
                wrong += [one for one in _trials(scorer, case, mutations(gold, schema, rng)) if one.executes]
            for case in group:
                template += _trials(scorer, case, [("template", template_sql(scorer.schema, case.question))])
    return SelfTest(tuple(right), tuple(wrong), tuple(template))


def _trials(scorer: DatabaseScorer, case: Case, queries: Iterable[tuple[str, str]]) -> list[Trial]:
    found = []
    for kind, sql in queries:
        verdict = scorer.score(case, sql)
        found.append(Trial(kind, case.sql, sql, verdict.executes, verdict.correct, verdict.passed > 0))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 every gold passed, 1 one did not, 2 bad usage."""
    options = _parse(arguments)
    try:
        cases = load_cases(options.cases)
        databases = database_paths(cases, options.databases)
        usable = usable_cases(cases, databases, drop_bad=True)
        with TemporaryDirectory() as folder:
            maker = VariantMaker(usable, Path(folder), options.seed, options.variants)
            found = run_self_test(usable, databases, maker)
    except (TextToSQLError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _print(found, options.variants, options.show)
    return 1 if found.rejected else 0


def _print(found: SelfTest, variants: int, shown: int) -> None:
    console = Console(highlight=False)
    for title, trials in (("Golds in other spellings", found.right), ("Wrong neighbours", found.wrong)):
        console.print(_table(f"{title}: accepted", trials, variants))
    console.print(_table("No model: accepted", found.template, variants))
    for trial in [*found.rejected, *(trial for trial in found.wrong if trial.accepted)][:shown]:
        console.print(f"{trial.kind}\n  {trial.gold}\n  {trial.sql}", markup=False, soft_wrap=True)


def _table(title: str, trials: Sequence[Trial], variants: int) -> Table:
    table = Table(title=title)
    table.add_column("Change")
    for name in ("Number", "1 database", f"and {variants} variants"):
        table.add_column(name, justify="right")
    groups = defaultdict(list)
    for trial in trials:
        groups[trial.kind].append(trial)
    for kind, group in groups.items():
        table.add_row(kind, *_cells(group))
    if len(groups) > 1:
        table.add_section()
        table.add_row("all", *_cells(trials))
    return table


def _cells(trials: Sequence[Trial]) -> list[str]:
    one = Share(sum(trial.accepted_by_one for trial in trials), len(trials))
    every = Share(sum(trial.accepted for trial in trials), len(trials))
    return [f"{len(trials):,}", f"{one.percent:.1f} %", f"{every.percent:.1f} %"]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m text_to_sql.scoring.self_test", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--cases", type=Path, required=True, metavar="FILE", help="JSON lines: db_id, question, sql")
    parser.add_argument("--databases", type=Path, required=True, metavar="DIR", help="folder of <db_id>.sqlite")
    parser.add_argument("--variants", type=int, default=3, metavar="N", help="of each database (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of variants and changes (%(default)s)")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="queries that were judged wrongly")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
