"""The command that measures execution accuracy, with a model that says what the test wants."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from inference.results import GenerationResult
from text_to_sql import evaluate
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.schema import parse_schema
from text_to_sql.scoring import answering, evaluation
from text_to_sql.scoring.scored_set import score_all
from text_to_sql.scoring.template_baseline import template_sql

GOLDS = {
    "How many items are there?": "SELECT COUNT(*) FROM item",
    "Which items cost more than 5?": "SELECT name FROM item WHERE price > 5",
    "Which items does each maker make?": "SELECT maker.name, item.name FROM maker JOIN item ON item.maker = maker.code",
    "Which item is dearest?": "SELECT name FROM item WHERE price = (SELECT MAX(price) FROM item)",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("shop", "kiosk"):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite")) as connection, connection:
            connection.execute("CREATE TABLE maker (code text, name text)")
            connection.execute("CREATE TABLE item (name text, price number, maker text)")
            connection.executemany(
                "INSERT INTO maker VALUES (?, ?)", [(f"m{index}", f"Maker {index}") for index in range(4)]
            )
            items = [(f"item {index % 7}", index, f"m{index % 4}") for index in range(20)]
            connection.executemany("INSERT INTO item VALUES (?, ?, ?)", items)
    write_cases(tmp_path / "cases.jsonl", GOLDS)
    return tmp_path


def write_cases(path: Path, golds: dict[str, str]) -> None:
    lines = [
        {"db_id": db_id, "question": question, "sql": sql, "topic": "goods"}
        for question, sql in golds.items()
        for db_id in ("shop", "kiosk")
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


class Engine:
    """Answers with the gold, but for questions that it does not know; counts its starts and questions."""

    def __init__(self, unknown: str = "nothing") -> None:
        self.unknown, self.starts, self.asked, self.stop_after = unknown, 0, 0, 99

    @contextmanager
    def __call__(self, base_model: str, adapter: Path | None) -> Iterator["Engine"]:
        self.starts += 1
        yield self

    def prompt_tokens(self, messages: Any) -> int:
        return 3

    def generate_batch_detailed(self, conversations: Sequence[Any], **options: Any) -> list[GenerationResult]:
        if self.asked >= self.stop_after:
            raise KeyboardInterrupt
        self.asked += len(conversations)
        return [
            GenerationResult(self.answer(one[1]["content"]), (1,), 3, "stop", 0.1, 0.2, None) for one in conversations
        ]

    def answer(self, prompt: str) -> str:
        question = prompt.rpartition("Question: ")[2]
        if self.unknown in question:
            return "I do not know."
        return GOLDS[question] if "dearest" not in question else "SELECT name FROM item ORDER BY price LIMIT 1"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(evaluate, "vllm_engine", engine)
    return engine


def run(folder: Path, *arguments: str) -> int:
    paths = [
        "--cases",
        str(folder / "cases.jsonl"),
        "--databases",
        str(folder),
        "--out",
        str(folder / "out" / "r.json"),
    ]
    return evaluate.main([*paths, *arguments])


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "r.json").read_text())


def test_a_report_has_the_figures_and_every_verdict(
    folder: Path, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.unknown = "cost more"
    assert run(folder, "--repairs", "0") == 0
    found = report(folder)
    assert found["accuracy"] == {"percent": 50.0, "interval_95": [21.52, 78.48], "count": 4, "total": 8}
    assert found["executable"]["percent"] == 75.0
    assert {kind: (one["count"], one["total"]) for kind, one in found["by_kind"].items()} == {
        "simple": (2, 4),
        "join": (2, 2),
        "nested/setop": (0, 2),
    }
    assert {name: one["count"] for name, one in found["by_database"].items()} == {"kiosk": 2, "shop": 2}
    assert found["model"]["name"] == "checkpoint-100"
    assert found["model"]["max_repairs"] == 0
    assert found["model"]["versions"].keys() >= {"torch", "transformers"}
    assert found["versions"].keys() == {"python", "sqlite", "sqlglot"}
    assert found["command"].startswith("python -m text_to_sql.evaluate --cases ")
    assert (found["output_tokens"], found["repaired"]) == (8, 0)
    assert (found["cases"][0]["output_tokens"], found["cases"][0]["attempts"]) == (1, 1)
    assert found["seconds"].keys() == {"engine_start", "generation", "scoring"}
    first, _, unknown = found["cases"][:3]
    assert (first["topic"], first["correct"], first["error"]) == ("goods", True, None)
    assert (unknown["prediction"], unknown["executes"], unknown["correct"]) == ("I do not know.", False, False)
    output = capfd.readouterr().out
    assert "Execution accuracy: checkpoint-100" in output
    assert "8 tokens written, 0 queries asked for again\nEngine start 0.0 s, generation " in output
    assert "│ all          │      8 │  50.0 % │   21.5 – 78.5 │   75.0 % │" in output


def test_two_models_are_compared_on_the_same_cases(
    folder: Path, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.unknown = "i"
    assert run(folder, "--no-adapter") == 0
    (folder / "out" / "r.json").rename(folder / "base.json")
    engine.unknown = "nothing"
    assert run(folder, "--compare", str(folder / "base.json")) == 0
    compared = report(folder)["compared"]
    assert (compared["percent"], compared["earlier_percent"]) == (75.0, 0.0)
    assert (compared["only_correct_here"], compared["only_correct_earlier"]) == (6, 0)
    assert compared["mcnemar_p"] == pytest.approx(2 / 64)
    assert "without adapter" in compared["model"]["name"]
    assert "only correct here 6, only there 0, McNemar p = 0.031" in capfd.readouterr().out


def test_a_stopped_run_goes_on_where_it_stopped(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(answering, "_REQUESTS", 3)
    engine.stop_after = 3
    assert run(folder) == 130
    assert "--resume goes on" in capfd.readouterr().err
    kept = folder / "out" / "r.json.predictions.jsonl"
    assert len(kept.read_text().splitlines()) == 3
    kept.write_text(kept.read_text() + '{"db_id": "sho')
    engine.stop_after = 99
    assert run(folder, "--resume") == 0
    assert (engine.starts, engine.asked) == (2, 8)
    assert report(folder)["accuracy"]["count"] == 6
    assert run(folder, "--resume") == 0
    assert engine.starts == 2
    assert run(folder, "--resume", "--votes", "2") == 2
    assert "r.json.predictions.jsonl, line 1: this was answered by checkpoint-100" in capfd.readouterr().err
    assert run(folder) == 0
    assert engine.asked == 16


def test_kept_predictions_can_be_scored_again(folder: Path, engine: Engine) -> None:
    assert run(folder) == 0
    (folder / "out" / "r.json.predictions.jsonl").rename(folder / "p.jsonl")
    first = report(folder)
    assert run(folder, "--predictions", str(folder / "p.jsonl"), "--variants", "1", "--seed", "5") == 0
    assert engine.starts == 1
    assert report(folder)["cases"] == first["cases"]
    assert (report(folder)["variants"], report(folder)["seed"]) == (1, 5)


def test_an_answer_that_was_cut_off_is_wrong_even_if_it_runs(folder: Path, engine: Engine) -> None:
    write_cases(folder / "cases.jsonl", dict(list(GOLDS.items())[:1]))
    lines = [
        {"db_id": "shop", "question": "How many items are there?", "sql": "SELECT COUNT(*) FROM item"},
        {"db_id": "kiosk", "question": "How many items are there?", "sql": "SELECT COUNT(*) FROM item", "error": "cut"},
    ]
    (folder / "p.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert run(folder, "--predictions", str(folder / "p.jsonl")) == 0
    assert [(case["executes"], case["correct"], case["error"]) for case in report(folder)["cases"]] == [
        (True, True, None),
        (False, False, "cut"),
    ]


def test_variants_are_made_of_all_cases_however_few_are_drawn(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spy(answered: Any, databases: Any, maker: Any) -> Any:
        seen.append((len(answered), len(maker.cases)))
        return score_all(answered, databases, maker)

    monkeypatch.setattr(evaluation, "score_all", spy)
    assert run(folder, "--limit", "3") == 0
    assert seen == [(3, 8)]


def test_of_many_cases_a_few_are_drawn(folder: Path, engine: Engine) -> None:
    assert run(folder, "--limit", "3") == 0
    first = report(folder)["cases"]
    assert len(first) == 3
    assert run(folder, "--limit", "3") == 0
    assert report(folder)["cases"] == first


def test_the_template_baseline_needs_no_model(folder: Path, engine: Engine) -> None:
    assert run(folder, "--template-baseline") == 0
    assert engine.starts == 0
    assert report(folder)["model"] == {"name": "template baseline"}
    assert [case["correct"] for case in report(folder)["cases"]] == [True, True, *[False] * 6]


def test_bad_cases_are_an_error_or_dropped(folder: Path, engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    write_cases(folder / "cases.jsonl", {"Nothing?": "SELECT name FROM item WHERE price > 99"} | GOLDS)
    assert run(folder) == 2
    message = capfd.readouterr().err
    assert "error: cases.jsonl, line 1: the gold returns no rows on shop" in message
    assert message.rstrip().endswith("Remove the case, or pass --drop-bad-cases.")
    assert run(folder, "--drop-bad-cases") == 0
    assert (report(folder)["dropped_cases"], report(folder)["accuracy"]["total"]) == (2, 8)
    assert "2 cases were dropped: their gold fails, or is empty." in capfd.readouterr().err
    write_cases(folder / "cases.jsonl", {"Nothing?": "SELECT name FROM item WHERE price > 99"})
    assert run(folder, "--drop-bad-cases") == 2
    assert "No case is left" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cases", "none.jsonl"], "none.jsonl cannot be read: "),
        (["--databases", "elsewhere"], "cases.jsonl, line 1: there is no database elsewhere/shop.sqlite."),
        (["--predictions", "none.jsonl"], "none.jsonl cannot be read: "),
        (["--compare", "none.json"], "none.json is no report of an evaluation: "),
        (["--adapter", "nowhere"], "LoRA adapter "),
        (["--variants", "-1"], "variants must be at least 0, got -1"),
        (["--limit", "0"], "limit must be at least 1, got 0"),
        (["--votes", "0"], "votes must be at least 1, got 0"),
        (["--repairs", "-1"], "max_repairs must be at least 0, got -1"),
        (["--out", "."], ". is a folder: name a file in it, such as report.json."),
    ],
)
def test_what_is_wrong_is_found_before_the_model_starts(
    folder: Path, engine: Engine, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *arguments) == 2
    assert engine.starts == 0
    assert f"error: {message}" in capfd.readouterr().err
    assert not (folder / "out" / "r.json").exists()


def test_predictions_must_be_there_for_all_cases(
    folder: Path, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.jsonl").write_text('{"db_id": "shop", "question": "How many items are there?", "sql": "SELECT 1"}\n')
    assert run(folder, "--predictions", str(folder / "p.jsonl")) == 2
    assert "7 of 8 cases have no prediction; the first is cases.jsonl, line 2: 'How many" in capfd.readouterr().err


def test_an_output_that_cannot_be_written_is_found_first(
    folder: Path, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--out", str(folder / "cases.jsonl" / "r.json")) == 2
    assert "r.json cannot be written: " in capfd.readouterr().err
    assert engine.starts == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--adapter", "a", "--no-adapter"],
        ["--template-baseline", "--no-adapter"],
        ["--predictions", "p", "--adapter", "a"],
    ],
)
def test_only_one_can_answer(folder: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(folder, *arguments)
    assert caught.value.code == 2
    assert "only one of --adapter, --no-adapter, --template-baseline and --predictions" in capfd.readouterr().err


def test_a_report_that_cannot_be_written_whole_is_not_written(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        path.open("w").close()
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(folder) == 2
    assert [path.name for path in (folder / "out").iterdir()] == ["r.json.predictions.jsonl"]


def test_the_bundled_adapter_is_the_default(folder: Path, engine: Engine) -> None:
    assert run(folder, "--limit", "1") == 0
    default = report(folder)["model"]
    assert run(folder, "--limit", "1", "--adapter", str(BUNDLED_ADAPTER)) == 0
    assert report(folder)["model"] == default
    assert len(default["adapter_hash"]) == 64


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("How many singers are there?", "SELECT COUNT(*) FROM singer"),
        ("List the name and age of all singers.", "SELECT singer_name, Age FROM singer"),
        ("What are the home towns of the singers?", 'SELECT "Home Town" FROM singer'),
        ("Show all concerts.", "SELECT concert_id FROM concert"),
    ],
)
def test_templates(question: str, sql: str) -> None:
    ddl = (
        'CREATE TABLE singer (singer_name text, Age number, "Home Town" text)\nCREATE TABLE concert (concert_id number)'
    )
    assert template_sql(parse_schema(ddl), question) == sql


def test_tokens_and_attempts_of_repairs_are_counted_and_kept(folder: Path, engine: Engine) -> None:
    engine.unknown = "cost more"
    assert run(folder) == 0
    assert (report(folder)["output_tokens"], report(folder)["repaired"]) == (10, 2)
    kept = folder / "out" / "r.json.predictions.jsonl"
    kept.rename(folder / "p.jsonl")
    assert run(folder, "--predictions", str(folder / "p.jsonl")) == 0
    assert (report(folder)["output_tokens"], report(folder)["repaired"]) == (10, 2)
    assert report(folder)["seconds"]["engine_start"] == 0


@pytest.mark.parametrize("count", [-1, 1.5, "2", True])
def test_a_bad_count_in_a_file_of_predictions_is_named(
    folder: Path, count: object, capfd: pytest.CaptureFixture[str]
) -> None:
    row = {"db_id": "shop", "question": "How many items are there?", "sql": "SELECT 1", "output_tokens": count}
    (folder / "p.jsonl").write_text(json.dumps(row))
    assert run(folder, "--predictions", str(folder / "p.jsonl")) == 2
    assert f"line 1: output_tokens must be a whole number of at least 0, got {count!r}." in capfd.readouterr().err
