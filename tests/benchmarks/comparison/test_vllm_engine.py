"""The prefix cache is empty before each run, or the run does not begin."""

from unittest import mock

import pytest

from benchmarks.comparison.engines import vllm_engine
from benchmarks.comparison.engines.vllm_engine import VLLMEngine


def engine_whose_resets(*succeed: bool) -> VLLMEngine:
    engine = VLLMEngine.__new__(VLLMEngine)
    engine._llm = mock.Mock(reset_prefix_cache=mock.Mock(side_effect=succeed))
    return engine


def test_a_step_still_under_way_is_waited_for() -> None:
    engine = engine_whose_resets(False, False, True)
    engine._empty_prefix_cache()
    assert engine._llm.reset_prefix_cache.call_count == 3


def test_blocks_that_are_never_given_back_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_engine, "_TRIES", 2)
    with pytest.raises(RuntimeError, match="vLLM did not empty its prefix cache: blocks of an earlier request"):
        engine_whose_resets(False, False).generate([], 1, token_times=False)
