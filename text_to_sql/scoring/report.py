"""The report of an evaluation: as JSON for programs, as tables for people."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from text_to_sql.scoring.cases import CaseError
from text_to_sql.scoring.scored_set import ScoredCase
from text_to_sql.scoring.statistics import Share, mcnemar_p

KINDS = ("simple", "join", "nested/setop")


def build_report(scored: Sequence[ScoredCase]) -> dict[str, Any]:
    """Returns the figures of an evaluation, and each case with its verdict."""
    return {
        "accuracy": _figures(scored),
        "executable": _share([one.verdict.executes for one in scored]),
        "output_tokens": sum(one.prediction.output_tokens for one in scored),
        "repaired": sum(one.prediction.attempts > 1 for one in scored),
        "by_kind": _grouped(scored, lambda one: one.kind, KINDS.index),
        "by_database": _grouped(scored, lambda one: one.case.db_id, str),
        "cases": [_case(one) for one in scored],
    }


def _share(values: Sequence[bool]) -> dict[str, Any]:
    share = Share(sum(values), len(values))
    low, high = share.interval
    return {
        "percent": round(share.percent, 2),
        "interval_95": [round(low, 2), round(high, 2)],
        "count": share.count,
        "total": share.total,
    }


def _figures(scored: Sequence[ScoredCase]) -> dict[str, Any]:
    return _share([one.verdict.correct for one in scored])


def _grouped(
    scored: Sequence[ScoredCase], name_of: Callable[[ScoredCase], str], order: Callable[[str], Any]
) -> dict[str, Any]:
    groups = defaultdict(list)
    for one in scored:
        groups[name_of(one)].append(one)
    return {
        name: _figures(groups[name]) | {"executable": _share([one.verdict.executes for one in groups[name]])}
        for name in sorted(groups, key=order)
    }


def _case(one: ScoredCase) -> dict[str, Any]:
    return {
        **one.case.extra,
        "db_id": one.case.db_id,
        "question": one.case.question,
        "sql": one.case.sql,
        "kind": one.kind,
        "prediction": one.prediction.sql,
        "output_tokens": one.prediction.output_tokens,
        "attempts": one.prediction.attempts,
        "executes": one.verdict.executes,
        "correct": one.verdict.correct,
        "error": one.verdict.error,
    }


def load_report(path: Path) -> dict[str, Any]:
    """Returns a report that an evaluation wrote.

    Raises:
        CaseError: it cannot be read, or is none.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        _outcomes(report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CaseError(f"{path} is no report of an evaluation: {error!r}.") from error
    return report


def _outcomes(report: Mapping[str, Any]) -> dict[tuple[str, str, str], bool]:
    return {(case["db_id"], case["question"], case["sql"]): case["correct"] for case in report["cases"]}


def compare_reports(report: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how two systems differ on the cases that both answered (McNemar's exact test).

    Raises:
        CaseError: they have no case in common.
    """
    new, old = _outcomes(report), _outcomes(earlier)
    common = [key for key in new if key in old]
    if not common:
        raise CaseError("The two reports have no case in common: db_id, question and sql must be the same.")
    only_new = sum(new[key] and not old[key] for key in common)
    only_old = sum(old[key] and not new[key] for key in common)
    return {
        "model": earlier.get("model"),
        "cases": len(common),
        "percent": round(100 * sum(new[key] for key in common) / len(common), 2),
        "earlier_percent": round(100 * sum(old[key] for key in common) / len(common), 2),
        "only_correct_here": only_new,
        "only_correct_earlier": only_old,
        "mcnemar_p": mcnemar_p(only_old, only_new),
    }


def print_report(report: Mapping[str, Any], output: TextIO) -> None:
    """Writes the figures as tables."""
    console = Console(file=output, highlight=False)
    table = Table(title=escape(f"Execution accuracy: {report['model']['name']}"))
    table.add_column("Questions")
    for name in ("Number", "Correct", "95 % interval", "Executes"):
        table.add_column(name, justify="right")
    for kind, figures in report["by_kind"].items():
        table.add_row(kind, *_cells(figures, figures["executable"]))
    table.add_section()
    table.add_row("all", *_cells(report["accuracy"], report["executable"]))
    console.print(table)
    if comparison := report.get("compared"):
        console.print(
            f"Against {escape(str(comparison['model']['name']))} on {comparison['cases']:,} cases: "
            f"{comparison['percent']:.1f} % and {comparison['earlier_percent']:.1f} %; only correct here "
            f"{comparison['only_correct_here']}, only there {comparison['only_correct_earlier']}, McNemar "
            f"p = {comparison['mcnemar_p']:.2g}",
            soft_wrap=True,
        )
    seconds = report["seconds"]
    console.print(
        f"{report['output_tokens']:,} tokens written, {report['repaired']:,} queries asked for again", soft_wrap=True
    )
    times = ", ".join(f"{name.replace('_', ' ')} {time:.1f} s" for name, time in seconds.items())
    console.print(times.capitalize(), soft_wrap=True)


def _cells(figures: Mapping[str, Any], executable: Mapping[str, Any]) -> list[str]:
    low, high = figures["interval_95"]
    return [
        f"{figures['total']:,}",
        f"{figures['percent']:.1f} %",
        f"{low:.1f} – {high:.1f}",
        f"{executable['percent']:.1f} %",
    ]
