"""The engines of Transformers on a tiny model: the same tokens as its own `generate`, counted as generated."""

import pytest
import torch
from test_work import TINY
from transformers import AutoModelForCausalLM

from benchmarks.comparison.engines.interface import EngineSetup, InferenceRequest
from benchmarks.comparison.engines.transformers_batch import TransformersBatch
from benchmarks.comparison.engines.transformers_continuous import TransformersContinuous
from benchmarks.comparison.models import random_model

PROMPTS = [(5, 6, 7), (8, 9), (10, 11, 12, 13, 14), (15,)]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> EngineSetup:
    folder = random_model(tmp_path_factory.mktemp("models") / "tiny", TINY)
    return EngineSetup(str(folder), "float32", 64, 4)


@pytest.fixture(scope="module")
def expected(setup: EngineSetup) -> list[tuple[int, ...]]:
    model = AutoModelForCausalLM.from_pretrained(setup.model, dtype=torch.float32)
    answers = []
    for prompt in PROMPTS:
        output = model.generate(
            torch.tensor([prompt]), max_new_tokens=6, do_sample=False, eos_token_id=-1, pad_token_id=2
        )
        answers.append(tuple(output[0, len(prompt) :].tolist()))
    return answers


def requests(ignore_eos: bool = True) -> list[InferenceRequest]:
    return [InferenceRequest(prompt, 6, ignore_eos) for prompt in PROMPTS]


@pytest.mark.parametrize("options", [{}, {"batch_size": 1}, {"batch_size": 3}, {"cache_implementation": "static"}])
@pytest.mark.parametrize("token_times", [False, True])
def test_batches_answer_as_single_requests_do(
    setup: EngineSetup, expected: list[tuple[int, ...]], options: dict, token_times: bool
) -> None:
    engine = TransformersBatch(EngineSetup(setup.model, "float32", 64, 4, options=options))
    answers = engine.generate(requests(), 4, token_times)
    assert [answer.token_ids for answer in answers] == expected
    for answer in answers:
        if token_times:
            assert len(answer.token_times_s) == 6
            assert list(answer.token_times_s) == sorted(answer.token_times_s)
            assert answer.end_s == answer.token_times_s[-1]
        else:
            assert answer.token_times_s is None
    assert engine.facts()["load_s"] > 0


def test_continuous_batching_answers_as_single_requests_do(setup: EngineSetup, expected: list[tuple[int, ...]]) -> None:
    engine = TransformersContinuous(setup)
    try:
        for concurrency, token_times in ((4, False), (2, True)):
            answers = engine.generate(requests(), concurrency, token_times)
            assert [answer.token_ids for answer in answers] == expected
        assert all(len(answer.token_times_s) == 6 for answer in answers)
        assert engine.facts()["warm_up_s"] > 0
    finally:
        engine.close()


def test_an_answer_ends_with_its_end_token_and_padding_is_not_counted(
    setup: EngineSetup, expected: list[tuple[int, ...]]
) -> None:
    engine = TransformersBatch(setup)
    model = engine._model
    model.eos_token_ids = (expected[0][2],)
    for token_times in (False, True):
        answers = engine.generate(requests(ignore_eos=False), 4, token_times)
        for answer, whole in zip(answers, expected, strict=True):
            end = whole.index(expected[0][2]) + 1 if expected[0][2] in whole else 6
            assert answer.token_ids == whole[:end]
    assert len(answers[0].token_ids) <= 3


def test_a_batch_that_does_not_fit_is_halved(setup: EngineSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersBatch(setup)
    sizes = []
    answer_batch = engine._answer_batch

    def limited(batch: list[InferenceRequest], start: float, token_times: bool) -> list:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answer_batch(batch, start, token_times)

    monkeypatch.setattr(engine, "_answer_batch", limited)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    assert len(engine.generate(requests(), 4, False)) == 4
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert engine.facts()["batch_lowered_to"] == 1
    sizes.clear()
    engine.generate(requests(), 4, False)
    assert sizes == [1, 1, 1, 1]


def test_an_error_of_a_single_request_is_raised(setup: EngineSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine = TransformersBatch(setup)
    monkeypatch.setattr(engine, "_answer_batch", never)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    with pytest.raises(torch.OutOfMemoryError):
        engine.generate(requests(), 4, False)


def test_a_failed_request_of_continuous_batching_is_not_swallowed(
    setup: EngineSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TransformersContinuous(setup)
    try:
        engine.generate(requests(), 4, False)
        get_result = engine._manager.get_result

        def failed(timeout: float) -> object:
            result = get_result(timeout=timeout)
            if result is not None:
                result.error = "no room"
            return result

        monkeypatch.setattr(engine._manager, "get_result", failed)
        with pytest.raises(RuntimeError, match="Continuous batching failed on a request: no room"):
            engine.generate(requests(), 4, False)
    finally:
        engine.close()
