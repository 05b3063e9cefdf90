"""Tables of the record of `python -m benchmarks.text_to_sql_accuracy`, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from text_to_sql.scoring.statistics import Share, mcnemar_p

Record = Mapping[str, Any]
Run = Mapping[str, Any]

SET_NAMES = {
    "spider": "schemas of Spider's kind",
    "wikisql": "tables of WikiSQL",
    "generated": "generated questions",
    "bookshop": "the course's bookshop",
}
_KINDS = {"s": "one table", "j": "joins", "n": "nested, set operations"}
_WAYS = ("template", "untrained base", "greedy", "all aids")


def accuracy_table(record: Record) -> str:
    """Returns the share of right answers of each set, by who answers, with 95 % intervals for the adapter.

    A set that was not asked in some way has a dash there.
    """
    sets = list(dict.fromkeys(run["set"] for run in record["runs"]))
    header = ["", "questions", "databases", *_WAYS]
    rows = []
    for name in sets:
        runs = {run["way"]: run for run in record["runs"] if run["set"] == name}
        marks = [runs[way]["correct"] if way in runs else "" for way in _WAYS]
        shares = [*map(_percent, marks[:2]), *map(_with_interval, marks[2:])]
        rows.append([SET_NAMES[name], len(runs["greedy"]["correct"]), runs["greedy"]["databases"], *shares])
    return _table(header, rows)


def kinds_table(record: Record, name: str = "spider") -> str:
    """Returns the shares of right and of executing answers by kind of question, greedy and with all aids."""
    runs = [_run(record, name, way) for way in ("greedy", "all aids")]
    header = ["", "questions", "greedy: right", "executes", "all aids: right", "executes"]
    groups = [(label, letter) for letter, label in _KINDS.items()]
    rows = []
    for label, letters in [*groups, ("all", "".join(_KINDS))]:
        places = [place for place, letter in enumerate(runs[0]["kinds"]) if letter in letters]
        shares = [_percent([run[what][place] for place in places]) for run in runs for what in ("correct", "executes")]
        rows.append([label, len(places), *shares])
    return _table(header, rows)


def halves(record: Record, name: str = "bookshop") -> tuple[str, str]:
    """Returns the shares of right greedy answers to every second question from the first on, and to the others.

    Of the bookshop's, the first ones were read while the recipe was chosen.
    """
    marks = _run(record, name, "greedy")["correct"]
    return _percent(marks[::2]), _percent(marks[1::2])


def aids_table(record: Record, name: str = "spider") -> str:
    """Returns what each aid changes, alone and together, and what it costs."""
    greedy = _run(record, name, "greedy")
    runs = [run for run in record["runs"] if run["set"] == name and run["way"] not in _WAYS[:2]]
    header = ["", "right", "executes", "p (McNemar)", "tokens a question", "seconds for 1,000 questions"]
    rows = [
        [
            run["way"],
            _percent(run["correct"]),
            _percent(run["executes"]),
            "" if run is greedy else f"{compare(run, greedy):.2g}",
            f"{run['output_tokens'] / len(run['correct']):.1f}",
            f"{seconds_for_1000(run):.0f}",
        ]
        for run in runs
    ]
    return _table(header, rows)


def gain(record: Record, name: str = "spider") -> float:
    """Returns the p-value of the adapter's greedy answers being no better or worse than the untrained base's."""
    return compare(_run(record, name, "greedy"), _run(record, name, "untrained base"))


def compare(one: Run, other: Run) -> float:
    """Returns the p-value of McNemar's test for two runs over the same questions."""
    pairs = list(zip(one["correct"], other["correct"], strict=True))
    return mcnemar_p(pairs.count(("1", "0")), pairs.count(("0", "1")))


def seconds_for_1000(run: Run) -> float:
    """Returns the time to answer and score 1,000 questions at a run's pace, without the start of the engine."""
    seconds = run["seconds"]["generation"] + run["seconds"]["scoring"]
    return 1_000 * seconds / len(run["correct"])


def _run(record: Record, name: str, way: str) -> Run:
    return next(run for run in record["runs"] if (run["set"], run["way"]) == (name, way))


def _share(marks: Sequence[str]) -> Share:
    return Share(sum(mark == "1" for mark in marks), len(marks))


def _percent(marks: Sequence[str]) -> str:
    return f"{_share(marks).percent:.1f} %" if marks else "–"


def _with_interval(marks: Sequence[str]) -> str:
    if not marks:
        return "–"
    low, high = _share(marks).interval
    return f"{_percent(marks)} ({low:.0f} – {high:.0f})"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    alignment = ["left", *["right"] * (len(header) - 1)]
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=alignment)
