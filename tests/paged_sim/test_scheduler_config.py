"""Settings of the scheduler have vLLM's defaults and limits."""

import dataclasses
import math
import re
from typing import Any

import pytest

from paged_sim import SchedulerConfig


def test_the_defaults_are_those_of_vllm() -> None:
    config = SchedulerConfig(num_blocks=100)
    assert (config.block_size, config.enable_caching, config.enable_chunked_prefill) == (16, True, True)
    assert (config.policy, config.watermark, config.long_prefill_token_threshold) == ("fcfs", 0.0, 0)
    assert (config.max_num_seqs, config.max_num_batched_tokens, config.max_model_len) == (128, 2048, 8192)
    assert config.scheduler_reserve_full_isl


def test_the_null_block_holds_no_tokens() -> None:
    assert SchedulerConfig(num_blocks=2, block_size=4).num_usable_tokens == 4
    assert SchedulerConfig(num_blocks=11).num_usable_tokens == 160


def test_settings_are_given_by_name_and_do_not_change() -> None:
    config = SchedulerConfig(num_blocks=11)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.num_blocks = 12
    with pytest.raises(TypeError, match="positional"):
        SchedulerConfig(11)


@pytest.mark.parametrize(
    "settings",
    [
        {"num_blocks": 2, "block_size": 1, "max_num_seqs": 1, "max_num_batched_tokens": 1, "max_model_len": 1},
        {"watermark": 0},
        {"watermark": 0.999},
        {"long_prefill_token_threshold": 8192},
        {"max_num_batched_tokens": 128},
        {"enable_chunked_prefill": False, "max_num_batched_tokens": 8192},
        {"policy": "priority"},
    ],
    ids=str,
)
def test_limits_themselves_are_allowed(settings: dict[str, Any]) -> None:
    config = SchedulerConfig(**{"num_blocks": 11} | settings)
    assert {name: getattr(config, name) for name in settings} == settings


AT_LEAST_1 = "must be an integer of at least 1, got"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_blocks": 1}, "num_blocks must be an integer of at least 2, got 1"),
        ({"num_blocks": -5}, "num_blocks must be an integer of at least 2, got -5"),
        ({"num_blocks": 8.0}, "num_blocks must be an integer of at least 2, got 8.0"),
        ({"num_blocks": None}, "num_blocks must be an integer of at least 2, got None"),
        ({"block_size": 0}, f"block_size {AT_LEAST_1} 0"),
        ({"block_size": -16}, f"block_size {AT_LEAST_1} -16"),
        ({"block_size": "16"}, f"block_size {AT_LEAST_1} '16'"),
        ({"block_size": True}, f"block_size {AT_LEAST_1} True"),
        ({"max_num_seqs": 0}, f"max_num_seqs {AT_LEAST_1} 0"),
        ({"max_model_len": 0}, f"max_model_len {AT_LEAST_1} 0"),
        ({"max_model_len": -1}, f"max_model_len {AT_LEAST_1} -1"),
        ({"max_num_batched_tokens": 127}, "max_num_batched_tokens must be at least max_num_seqs (128), got 127"),
        ({"max_num_batched_tokens": -1}, "max_num_batched_tokens must be an integer of at least 1, got -1"),
        (
            {"enable_chunked_prefill": False, "max_num_batched_tokens": 8191},
            "max_num_batched_tokens must be at least max_model_len (8192) without chunked prefill, got 8191",
        ),
        ({"watermark": -0.1}, "watermark must be a number of at least 0.0, got -0.1"),
        ({"watermark": 1.0}, "watermark must be below 1, got 1.0"),
        ({"watermark": math.nan}, "watermark must be a number of at least 0.0, got nan"),
        ({"watermark": "0.1"}, "watermark must be a number of at least 0.0, got '0.1'"),
        ({"policy": "lifo"}, "policy must be one of fcfs, priority, got 'lifo'"),
        ({"policy": None}, "policy must be one of fcfs, priority, got None"),
        (
            {"long_prefill_token_threshold": -1},
            "long_prefill_token_threshold must be an integer of at least 0, got -1",
        ),
        (
            {"long_prefill_token_threshold": 8193},
            "long_prefill_token_threshold must be at most max_model_len (8192), got 8193",
        ),
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused_by_name_rule_and_value(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        SchedulerConfig(**{"num_blocks": 11} | settings)
