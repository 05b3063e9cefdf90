"""Plans, presets and the catalog: what they hold, and what they refuse."""

from typing import Any

import pytest

from benchmarks.comparison.catalog import ENGINES, find_engines
from benchmarks.comparison.plan import Cell, ComparisonPlan, takes_part
from benchmarks.comparison.presets import PRESETS, kv_budget_preset, lora_preset, preset, settings_preset
from benchmarks.comparison.tracks import TRACKS


def test_cells_come_track_by_track(plan: ComparisonPlan) -> None:
    both = plan.replaced(tracks=("fixed", "chat"))
    assert both.cells() == [Cell("fixed", 1), Cell("fixed", 4), Cell("chat", 1), Cell("chat", 4)]
    assert plan.replaced(tracks=None) == plan


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Cell("fixed", 1), 1),
        (Cell("fixed", 256), 256),
        (Cell("chat", 1), 8),
        (Cell("chat", 32), 64),
        (Cell("chat", 256), 256),
        (Cell("sql", 128), 243),
    ],
)
def test_tracks_that_end_by_themselves_have_a_queue(cell: Cell, expected: int) -> None:
    assert cell.num_requests == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"repeats": 0}, "--repeats must be at least 1, got 0"),
        ({"prompt_tokens": 0}, "--prompt-tokens must be at least 1, got 0"),
        ({"dtype": "int8"}, "--dtype must be one of float32, float, float16, half, bfloat16, got 'int8'"),
        ({"tracks": ("fixed", "poems")}, "--tracks must be some of fixed, chat, sql, got 'poems'"),
        ({"tracks": ()}, r"--tracks must be at least one, got \(\)"),
        ({"concurrencies": (4, 0)}, "--concurrency must be at least 1, got 0"),
        ({"concurrencies": (4, 4)}, "--concurrency must be all different, got '4, 4'"),
        ({"tracks": ("chat",), "concurrencies": (257,)}, "at most the 256 prompts of the chat track, got 257"),
        ({"lora_rank": 513}, "--lora-rank must be at most 512, got 513"),
        ({"engines": ("vllm", "tgi")}, r"--engines must be some of transformers-loop, .*; got 'tgi'"),
    ],
)
def test_a_value_out_of_range_is_refused(plan: ComparisonPlan, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan.replaced(**values)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("make", [preset, lora_preset, kv_budget_preset, settings_preset])
@pytest.mark.parametrize("model", [None, "bundled", "text-to-sql", "smollm2-1.7b-random", "owner/model"])
def test_every_preset_is_a_plan(make: Any, name: str, device: str, model: str | None) -> None:
    plan = make(name, device, model)
    assert set(plan.tracks) <= set(TRACKS)
    assert plan.dtype == ("float32" if device == "cpu" else "bfloat16")
    for engine in plan.engines:
        reference = plan.reference_for(engine)
        assert reference is None or all(takes_part(plan.choices()[reference], cell) for cell in plan.cells())


def test_answers_are_compared_where_the_weights_are_the_same() -> None:
    plan = preset("full", "cpu", None)
    assert [plan.reference_for(name) for name in plan.engines] == [
        "transformers-batch", None, "transformers-batch", "transformers-batch", "transformers-batch"
    ]  # fmt: skip
    lora = lora_preset("full", "cpu", None)
    found = {name: lora.reference_for(name) for name in lora.engines}
    assert found == {"vllm": None, "vllm-lora": None, "vllm-lora-4": None, "vllm-merged": "vllm-lora"}


def test_one_by_one_is_measured_once() -> None:
    assert takes_part(ENGINES["transformers-loop"], Cell("fixed", 1))
    assert not takes_part(ENGINES["transformers-loop"], Cell("fixed", 8))
    assert takes_part(ENGINES["vllm"], Cell("fixed", 10_000))


def test_engines_are_found_in_the_order_asked_for() -> None:
    assert list(find_engines(["vllm", "transformers-batch"])) == ["vllm", "transformers-batch"]


def test_titles_differ() -> None:
    titles = [choice.title for choice in ENGINES.values()]
    assert len(set(titles)) == len(titles)
