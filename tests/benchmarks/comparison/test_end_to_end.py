"""`compare` with the real engines on tiny work: no row is missing, and all of them write the same tokens."""

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.comparison.models import random_model
from benchmarks.comparison.record import load_record

# Heads of 64, as vLLM's attention on a CPU wants them.
TINY = {
    "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 49_152, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip
ENGINES = ("transformers-loop", "transformers-batch", "transformers-continuous", "vllm")


@pytest.mark.slow
def test_compare_runs_every_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = random_model(tmp_path / "tiny", TINY)
    file = tmp_path / "record.json"
    options = ["--model", str(model), "--engines", ",".join(ENGINES), "--concurrency", "1,3", "--repeats", "2"]
    lengths = ["--prompt-tokens", "8", "--output-tokens", "5"]
    code = main(["compare", *options, *lengths, "--record", str(file), "--logs", str(tmp_path / "logs")])
    record = load_record(file)
    assert [row.get("error") for row in record["rows"]] == [None] * len(record["rows"])
    assert code == 0
    rows = {(row["engine"], row["concurrency"]): row for row in record["rows"]}
    assert set(rows) == {(name, number) for name in ENGINES for number in (1, 3)} - {("transformers-loop", 3)}
    for (_, number), row in rows.items():
        assert row["output_tokens"] == [5] * number
        assert row["prompt_tokens"] == [8] * number
        assert len(row["total_s"]) == 2
        assert len(row["latency"]["ttft_s"]) == number
        assert row["memory"]["peak_bytes"] > 100 * 1024**2
        assert row["limit_s"] > 0
        if "agreement" in row:
            assert row["agreement"]["first_divergence"] == [None] * number
    assert set(record["engines"]) == set(ENGINES)
    assert record["engines"]["vllm"]["facts"]["kv_cache_bytes"] > 0
    assert "vLLM" in capsys.readouterr().out
