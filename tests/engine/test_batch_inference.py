"""A batch job with the real engine: rows choose their adapter, and the answers are those of one engine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import QUESTIONS, SMALL
from text_to_sql import TextToSQL, sample_database_path
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.execution.read_only_database import ReadOnlyDatabase
from vllm_offline_inference import VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

ASKED = QUESTIONS[:8]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict]]:
    """What the command says and writes, for questions about the bookshop."""
    folder = tmp_path_factory.mktemp("batch")
    database = Path(shutil.copy(sample_database_path(), folder / "shop.sqlite"))
    rows = [{"id": text, "question": text, "database": database.name} for text in ASKED]
    rows[1]["adapter"] = "base"
    rows.append({"id": "missing", "question": "How many?", "database": "nowhere.sqlite"})
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "batch_inference", str(folder / "in.jsonl"), "--output", str(folder / "out")]
    options = ["--databases", str(folder), "--adapter", str(BUNDLED_ADAPTER), "--rows-per-part", "5"]
    engine = [word for name, value in SMALL.items() for word in ("--engine", f"{name}={value}")]
    done = subprocess.run([*command, *options, *engine], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for part in sorted((folder / "out").glob("part-*")) for line in part.read_text().splitlines()]
    return done.stdout, [json.loads(line) for line in lines]


def test_all_rows_are_answered_and_counted(answered: tuple[str, list[dict]]) -> None:
    said, answers = answered
    assert said.startswith("9 of 9 rows are in ")
    assert "9 of them from this run" in said
    assert [answer["id"] for answer in answers] == [*ASKED, "missing"]
    assert [answer["adapter"] for answer in answers] == [
        *("base" if number == 1 else BUNDLED_ADAPTER.name for number in range(len(ASKED))), None,
    ]  # fmt: skip
    assert answers[-1]["error"].startswith("There is no")


def test_the_answers_are_those_of_one_engine(
    answered: tuple[str, list[dict]], lora_engine: VLLMInferenceWithLoRA
) -> None:
    with ReadOnlyDatabase(sample_database_path()) as database:
        expected = TextToSQL(lora_engine, database).ask_all(ASKED, show_progress=False)
    # An adapter that answered for the base would give this.
    assert answered[1][1]["sql"] != expected[1].sql
    for answer, one in zip(answered[1], expected, strict=False):
        if answer["adapter"] == BUNDLED_ADAPTER.name:
            assert (answer["sql"], answer["error"]) == (one.sql, one.error)
            assert answer["rows"] == [list(row) for row in one.rows]
