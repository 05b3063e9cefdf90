"""Records: written whole, checked against the schema, resumed only by the same plan."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from benchmarks.comparison.catalog import ENGINES
from benchmarks.comparison.limits import DeviceRates, ModelWork
from benchmarks.comparison.plan import Cell, ComparisonPlan, takes_part
from benchmarks.comparison.record import SCHEMA_FILE, ComparisonRecord, as_text, check_record, load_record
from benchmarks.stored_results import comparison_records

HOST = {"cpu": "a CPU", "cores": 2, "machine": "x86_64", "python": "3.13.0"}


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))


def test_a_record_fits(record: dict[str, Any]) -> None:
    check_record(record, "it")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("plan", "repeats"), 0, "it is no record of a comparison: plan/repeats: 0 is less than the minimum of 1"),
        (("rows", 0, "status"), "fine", "rows/0/status: 'fine' is not one of"),
        (("rows", 1, "total_s"), ["1"], "rows/1/total_s/0: '1' is not of type 'number'"),
        (("rows", 0, "memory", "method"), "RSS", "rows/0/memory/method: 'RSS' is not one of"),
        (("schema_version",), 2, "schema_version: 1 was expected"),
        (("surprise",), 1, "the record itself: Additional properties are not allowed"),
    ],
)
def test_what_does_not_fit_is_named(record: dict[str, Any], path: tuple, value: Any, message: str) -> None:
    broken = copy.deepcopy(record)
    place: Any = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        check_record(broken, "it")


@pytest.mark.parametrize("text", ["", "[1", "{}"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "record.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"record\.json (cannot be read as a record|is no record of a comparison)"):
        load_record(file)
    with pytest.raises(ValueError, match=r"missing\.json cannot be read as a record"):
        load_record(tmp_path / "missing.json")


def test_lists_of_numbers_take_one_line_and_texts_stay(record: dict[str, Any]) -> None:
    record["command"] = "[ 1,\n 2 ] [ a ]"
    text = as_text(record)
    assert '"total_s": [0.4, 0.8, 0.4]' in text
    assert '"first_divergence": [null, 2, null, 0]' in text
    assert json.loads(text) == record


def test_a_record_grows_cell_by_cell(tmp_path: Path, plan: ComparisonPlan, record: dict[str, Any]) -> None:
    file = tmp_path / "new" / "record.json"
    growing = ComparisonRecord.begin(file, "python -m benchmarks compare", plan, HOST)
    work, slow = ModelWork(1, 1, 1, 1, 4), DeviceRates("CPU", 1.0, 1.0)
    assert growing.add_rates(work, slow) == slow
    assert not growing.has(Cell("fixed", 1))
    growing.add_rows(record["rows"][:2])
    assert growing.has(Cell("fixed", 1))
    resumed = ComparisonRecord.resume(file, plan, HOST)
    assert resumed.content == growing.content
    assert resumed.has(Cell("fixed", 1))
    assert not resumed.has(Cell("fixed", 4))
    with pytest.raises(ValueError, match=r"record\.json is of another plan: .* Give its options again."):
        ComparisonRecord.resume(file, plan.replaced(repeats=9), HOST)
    with pytest.raises(ValueError, match=r"record.json is of other host: .* Begin a new record."):
        ComparisonRecord.resume(file, plan, HOST | {"cores": 3})


def test_the_best_rates_count_for_all_limits(tmp_path: Path, plan: ComparisonPlan, record: dict[str, Any]) -> None:
    growing = ComparisonRecord.begin(tmp_path / "record.json", "python -m benchmarks compare", plan, HOST)
    work = ModelWork(1000, 1000, 8, 8, 4)
    growing.add_rates(work, DeviceRates("CPU", 1e6, 1e12))
    growing.add_rows(copy.deepcopy(record["rows"]))
    assert growing.add_rates(work, DeviceRates("CPU", 4e6, 1e9)) == DeviceRates("CPU", 4e6, 1e12)
    content = load_record(tmp_path / "record.json")
    assert (content["device"]["bytes_per_s"], content["device"]["flops_per_s"]) == (4e6, 1e12)
    # Four steps read all weights, three of them earlier keys and values too; four requests share the weights.
    weights, earlier = 4 * 2000 * 4, (9 + 10 + 11) * 8
    limits = [(weights + row["concurrency"] * earlier) / 4e6 for row in content["rows"]]
    assert [row["limit_s"] for row in content["rows"]] == pytest.approx(limits)


def test_a_row_that_does_not_fit_is_not_written(tmp_path: Path, plan: ComparisonPlan, record: dict[str, Any]) -> None:
    file = tmp_path / "record.json"
    growing = ComparisonRecord.begin(file, "python -m benchmarks compare", plan, HOST)
    growing.add_rows(record["rows"][:1])
    before = file.read_text()
    with pytest.raises(ValueError, match="rows/1"):
        growing.add_rows([{"engine": "vllm"}])
    assert file.read_text() == before


@pytest.mark.parametrize("file", comparison_records(), ids=lambda file: file.stem)
def test_the_records_of_this_repository_fit_and_lack_no_row(file: Path) -> None:
    content = load_record(file)
    rows = {(row["track"], row["concurrency"], row["engine"]) for row in content["rows"]}
    plan = content["plan"]
    for track in plan["tracks"]:
        for number in plan["concurrencies"]:
            expected = {name for name in plan["engines"] if takes_part(ENGINES[name], Cell(track, number))}
            found = {engine for one, other, engine in rows if (one, other) == (track, number)}
            # A note says which rows were taken out.
            assert found == expected or ("note" in content and found < expected)
