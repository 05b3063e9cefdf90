"""On what vLLM computes."""

import pytest

from inference.device import runs_on_cpu


@pytest.mark.parametrize("answer", [True, False])
def test_vllms_platform_says_whether_it_runs_on_a_cpu(monkeypatch: pytest.MonkeyPatch, answer: bool):
    from vllm.platforms import current_platform

    monkeypatch.setattr(type(current_platform), "is_cpu", lambda self: answer)
    assert runs_on_cpu() is answer
