"""vLLM as this project starts it, through `VLLMInferenceWithLoRA`.

Options are further arguments of it, such as `{"model_impl": "transformers"}` or a speculative configuration. Besides,
`temperature` (0), and `kv_share`: the KV cache as a share of what holds all requests at once, at their longest. The
prefix cache is off unless the options turn it on, and emptied before each run: a repeat would find its own prompts.
"""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from benchmarks.comparison.engines.interface import Completion, EngineSetup, InferenceRequest
from benchmarks.comparison.engines.vllm_log import read_start_log
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import base_shapes
from inference.engine_call import engine_call
from vllm_offline_inference import VLLMInferenceWithLoRA

# A multiple of the block sizes of the GPU (16) and of this project on a CPU (32): blocks are handed out whole.
BLOCK_TOKENS = 32
# The least share of the GPU that passes vLLM's check of free memory; the KV cache's size is given in bytes.
LEAST_UTILIZATION = 0.05
_TRIES, _BETWEEN_TRIES_S = 100, 0.01


class VLLMEngine:
    """vLLM, fed with as many requests at once as the concurrency allows."""

    def __init__(self, setup: EngineSetup) -> None:
        start = time.perf_counter()
        options = {"enable_prefix_caching": False, "gpu_memory_utilization": LEAST_UTILIZATION} | setup.options
        self._temperature: float = options.pop("temperature", 0)
        options["kv_cache_memory_bytes"] = int(kv_cache_bytes(setup) * options.pop("kv_share", 1))
        if setup.adapters:
            options |= {"enable_lora": True, "max_adapters": len(setup.adapters), "max_lora_rank": setup.lora_rank}
        self._wrapper = VLLMInferenceWithLoRA(
            setup.model, dtype=setup.dtype, max_model_len=setup.max_model_len, **options
        )
        for name, folder in setup.adapters.items():
            self._wrapper.load_adapter(name, folder)
        self._llm = self._wrapper.llm
        self._start_s = time.perf_counter() - start
        self._kv_cache_bytes = options["kv_cache_memory_bytes"]
        self._num_runs = 0

    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        """See `Engine.generate`."""
        self._empty_prefix_cache()
        self._num_runs += 1
        ids = [f"run-{self._num_runs}-{row}" for row in range(len(requests))]
        rows = {request_id: row for row, request_id in enumerate(ids)}
        start, unfinished = time.perf_counter(), 0
        prompts = self._llm.renderer.render_cmpl(
            [{"prompt_token_ids": list(request.prompt_token_ids)} for request in requests]
        )
        waiting = deque(zip(ids, prompts, requests, strict=True))
        answers = [_Answer() for _ in requests]
        engine = self._llm.llm_engine
        with engine_call(self._llm):
            while waiting or unfinished:
                while waiting and unfinished < concurrency:
                    self._add(*waiting.popleft(), token_times)
                    unfinished += 1
                outputs = engine.step()
                now = time.perf_counter() - start
                for output in outputs:
                    answers[rows[output.request_id]].add(output, now)
                    unfinished -= output.finished
        return [answer.completion(token_times) for answer in answers]

    def _empty_prefix_cache(self) -> None:
        # With asynchronous scheduling the last answers are told before the step behind them has ended.
        for _ in range(_TRIES):
            if self._llm.reset_prefix_cache():
                return
            time.sleep(_BETWEEN_TRIES_S)
        raise RuntimeError("vLLM did not empty its prefix cache: blocks of an earlier request are still held")

    def _add(self, request_id: str, prompt: Any, request: InferenceRequest, token_times: bool) -> None:
        adapter = None if request.adapter is None else self._wrapper.lora_request(request.adapter)
        self._llm.llm_engine.add_request(request_id, prompt, self._params(request, token_times), lora_request=adapter)

    def _params(self, request: InferenceRequest, token_times: bool) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=self._temperature,
            max_tokens=request.max_tokens,
            ignore_eos=request.ignore_eos,
            # Text is no part of the comparison: the other engines make none.
            detokenize=False,
            output_kind=RequestOutputKind.DELTA if token_times else RequestOutputKind.FINAL_ONLY,
        )

    def forget(self) -> None:
        """See `Engine.forget`; vLLM's memory is the same whatever it is asked."""

    def facts(self) -> dict[str, float | int | str]:
        """See `Engine.facts`."""
        return {"start_s": self._start_s, "kv_cache_bytes": self._kv_cache_bytes} | read_start_log()

    def close(self) -> None:
        """See `Engine.close`."""
        self._wrapper.close()


class _Answer:
    """Collects the pieces of one answer."""

    def __init__(self) -> None:
        self._token_ids: list[int] = []
        self._times_s: list[float] = []

    def add(self, output: Any, now: float) -> None:
        new = output.outputs[0].token_ids
        self._token_ids += new
        self._times_s += [now] * len(new)

    def completion(self, token_times: bool) -> Completion:
        times = tuple(self._times_s)
        return Completion(tuple(self._token_ids), times[-1], times if token_times else None)


def kv_cache_bytes(setup: EngineSetup) -> int:
    """Returns the size of a KV cache that holds all requests at once, each as long as it may be."""
    per_token = base_shapes(load_config(resolve_base_model(setup.model))).kv_bytes_per_token(setup.dtype)
    blocks_per_request = -(-setup.max_model_len // BLOCK_TOKENS) + 1
    return setup.max_concurrency * blocks_per_request * BLOCK_TOKENS * per_token
