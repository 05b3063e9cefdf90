"""vLLM's own scheduler without a model: nothing but decisions, as tests and the simulator's benchmark need it.

Its internals are no public API; this is for vLLM 0.32.
"""

from types import SimpleNamespace
from typing import Any

import torch
from vllm.config import CacheConfig, ObservabilityConfig, ParallelConfig, SchedulerConfig
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import init_none_hash
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput

# Requests cannot be hashed before.
init_none_hash(sha256)


def model_output(output: Any, sampled: list[list[int]]) -> ModelRunnerOutput:
    """Returns what a model runner would: the sampled tokens of each scheduled request, in order."""
    ids = list(output.num_scheduled_tokens)
    return ModelRunnerOutput(
        req_ids=ids,
        req_id_to_index={request_id: index for index, request_id in enumerate(ids)},
        sampled_token_ids=sampled,
        logprobs=None,
        prompt_logprobs_dict={},
        pooler_output=[],
    )


def vllm_scheduler(settings: dict[str, Any]) -> Scheduler:
    """Returns vLLM's synchronous scheduler with the settings of our SchedulerConfig."""
    limits = {k: v for k, v in settings.items() if k not in ("num_blocks", "block_size", "enable_caching")}
    scheduler_config = SchedulerConfig(is_encoder_decoder=False, async_scheduling=False, **limits)
    cache_config = CacheConfig(block_size=settings["block_size"], enable_prefix_caching=settings["enable_caching"])
    cache_config.num_gpu_blocks = settings["num_blocks"]
    attention = FullAttentionSpec(block_size=settings["block_size"], num_kv_heads=1, head_size=1, dtype=torch.float32)
    kv_cache_config = KVCacheConfig(
        num_blocks=settings["num_blocks"],
        kv_cache_tensors=[],
        kv_cache_groups=[KVCacheGroupSpec(["layer"], attention)],
    )
    return Scheduler(
        vllm_config=_vllm_config(scheduler_config, cache_config, settings),
        kv_cache_config=kv_cache_config,
        structured_output_manager=SimpleNamespace(
            accept_tokens=lambda request, tokens: True, grammar_init=lambda request: None
        ),
        block_size=settings["block_size"],
        log_stats=True,
    )


def _vllm_config(scheduler_config: Any, cache_config: Any, settings: dict[str, Any]) -> SimpleNamespace:
    model_config = SimpleNamespace(
        uses_mrope=False,
        is_encoder_decoder=False,
        max_model_len=settings["max_model_len"],
        runner_type="generate",
        is_diffusion=False,
        supports_multimodal_inputs=False,
        return_sampling_mask=False,
    )
    absent = ("lora_config", "kv_events_config", "kv_transfer_config", "ec_transfer_config", "speculative_config")
    zero = ("num_speculative_tokens", "num_lookahead_tokens", "num_prefill_lookahead_tokens")
    return SimpleNamespace(
        scheduler_config=scheduler_config,
        cache_config=cache_config,
        model_config=model_config,
        parallel_config=ParallelConfig(),
        observability_config=ObservabilityConfig(),
        use_v2_model_runner=False,
        ec_manager_config=SimpleNamespace(get_encoder_cache_manager_obj=lambda: None),
        aux_output_config=SimpleNamespace(enabled=False),
        is_mm_encoder_only=False,
        max_in_flight_tokens=settings["max_num_batched_tokens"],
        max_concurrent_batches=1,
        **dict.fromkeys(absent),
        **dict.fromkeys(zero, 0),
    )
