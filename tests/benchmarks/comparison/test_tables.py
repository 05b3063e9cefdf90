"""Tables and plots show what a record holds."""

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from benchmarks.__main__ import main
from benchmarks.comparison.plots import write_plots
from benchmarks.comparison.record import as_text
from benchmarks.comparison.summary import summaries
from benchmarks.comparison.tables import all_tables, errors, heading, print_tables


def test_figures_are_medians_of_the_raw_samples(record: dict[str, Any]) -> None:
    batch, _, _, vllm = summaries(record)
    assert batch.tokens_per_s == pytest.approx((4 / 0.4, 4 / 0.8, 4 / 0.4))
    assert vllm.requests_per_s == pytest.approx(4 / 0.4)
    assert vllm.efficiency == pytest.approx(0.5)
    assert vllm.ttft_s == pytest.approx((0.1, 0.1))
    assert vllm.goodput == pytest.approx(4 / 0.4)
    assert (vllm.identical, vllm.common_prefix) == (0.5, (4 + 2 + 4 + 0) / 4)
    assert batch.identical is None


def test_a_runs_own_tokens_count_where_they_are_known(record: dict[str, Any]) -> None:
    record["rows"][0]["total_tokens"] = [4, 8, 2]
    assert summaries(record)[0].tokens_per_s == pytest.approx((4 / 0.4, 2 / 0.4, 8 / 0.8))


def test_an_engine_that_skips_work_has_no_limit(record: dict[str, Any]) -> None:
    record["rows"][3]["engine"] = record["rows"][1]["engine"] = "vllm-prefix-caching"
    del record["rows"][3]["memory"]
    assert summaries(record)[3].efficiency is None
    tables = {table.title: table for table in all_tables(record)}
    assert tables["Share of the physical limit of bytes and operations"].rows == [
        ["Transformers, batched", "50%", "50%"],
        ["vLLM, prefix caching", "–", "–"],
    ]
    memory = next(table for title, table in tables.items() if title.startswith("Memory"))
    assert memory.rows[1][3] == "–"


def test_tables_show_them(record: dict[str, Any]) -> None:
    tables = {table.title: table for table in all_tables(record)}
    title = "Output tokens per second, medians of 2 runs; 8 tokens in, 4 out, end token ignored"
    assert tables[title].rows == [["Transformers, batched", "10", "20"], ["vLLM", "8", "40"]]
    assert tables["Requests per second, as a multiple of “Transformers, batched”"].rows[1] == ["vLLM", "0.80", "2.00"]
    memory = next(table for title, table in tables.items() if title.startswith("Memory"))
    assert memory.header == ["", "track", "at once", "peak", "weights", "KV needed", "KV reserved", "rest"]
    assert memory.rows[1] == ["vllm", "fixed", "4", "300", "8", "1", "2", "290"]
    assert "| vLLM                  |   8 |  40 |" in tables[title].as_markdown()


def test_runtime_lora_is_compared_with_the_merged_model(record: dict[str, Any]) -> None:
    for row in record["rows"]:
        row["engine"] = {"transformers-batch": "vllm-lora", "vllm": "vllm-merged"}[row["engine"]]
    tables = {table.title: table for table in all_tables(record)}
    rows = tables["Requests per second, as a multiple of “vLLM, merged LoRA”"].rows
    assert rows == [["vLLM, runtime LoRA", "1.25", "0.50"], ["vLLM, merged LoRA", "1.00", "1.00"]]


def test_the_heading_names_model_machine_and_versions(record: dict[str, Any]) -> None:
    assert heading(record) == (
        "SmolLM2-135M-Instruct, bundled; float32, on a CPU, 2 cores; vLLM 0.32.0, Transformers 5.19.0, torch 2.13.0. "
        "In the same run a large copy reached 20 GB/s and a large matrix product 0.30 TFLOP/s."
    )


def test_errors_and_lowered_batches_are_told(record: dict[str, Any]) -> None:
    record["rows"][0]["facts"] = {"batch_lowered_to": 2}
    record["rows"].append(
        {"engine": "vllm", "track": "fixed", "concurrency": 8, "status": "error", "error": "Boom: [rank0]: no [/x]"}
    )
    assert errors(record) == [
        "Transformers, batched, fixed, 1 at once: out of memory, batches of 2 instead",
        "vLLM, fixed, 8 at once: Boom: [rank0]: no [/x]",
    ]
    console = Console(file=io.StringIO(), width=200)
    print_tables(record, console)
    assert "Boom: [rank0]: no [/x]" in console.file.getvalue()


def test_a_record_without_a_measured_row_has_no_tables(record: dict[str, Any]) -> None:
    record["rows"] = [{"engine": "vllm", "track": "fixed", "concurrency": 8, "status": "error", "error": "Boom: no"}]
    assert all_tables(record) == []


def test_a_plot_without_samples_does_not_stay(record: dict[str, Any], tmp_path: Path) -> None:
    files = {file.name for file in write_plots(record, tmp_path, "one")}
    record["rows"] = [row for row in record["rows"] if row["engine"] == "vllm"]
    fewer = {file.name for file in write_plots(record, tmp_path, "one")}
    assert files - fewer == {"one-fixed-ratio.svg"}
    assert {file.name for file in tmp_path.iterdir()} == fewer


def test_plots_are_whole_pictures_and_the_same_each_time(record: dict[str, Any], tmp_path: Path) -> None:
    files = write_plots(record, tmp_path, "one")
    names = {file.name for file in files}
    assert names == {f"one-fixed-{plot}.svg" for plot in ("throughput", "ratio", "latency", "memory")}
    before = {file: file.read_bytes() for file in files}
    assert {file: file.read_bytes() for file in write_plots(record, tmp_path, "one")} == before
    for file in files:
        texts = "".join(ET.parse(file).getroot().itertext())
        assert "vLLM" in texts
        assert "SmolLM2-135M-Instruct" in texts


def test_lora_is_drawn_beside_merged(record: dict[str, Any], tmp_path: Path) -> None:
    record["plan"]["engines"] = ["vllm-merged", "vllm-lora"]
    for row in record["rows"]:
        row["engine"] = {"transformers-batch": "vllm-merged", "vllm": "vllm-lora"}[row["engine"]]
    files = {file.name: file for file in write_plots(record, tmp_path, "one")}
    texts = [one.text for one in ET.parse(files["one-fixed-lora.svg"]).getroot().iter() if one.text]
    assert "0.80" in texts
    assert "2.00" in texts


def test_the_report_command_prints_and_draws(
    record: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(as_text(record))
    assert main(["report", str(file), "--markdown", "--plots", str(tmp_path / "plots")]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("SmolLM2-135M-Instruct, bundled; float32")
    assert "| vLLM" in printed.out
    assert (tmp_path / "plots" / "mine-fixed-memory.svg").is_file()


def test_the_report_command_refuses_what_is_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be read as a record" in capsys.readouterr().err
