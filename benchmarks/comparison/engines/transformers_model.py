"""A Transformers model, and the settings under which it decodes greedily and nothing else."""

import gc
import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

from benchmarks.comparison.engines.interface import EngineSetup
from benchmarks.device_rates import device_kind

# No token has this id, so no answer ends before its length.
NO_EOS = -1


class TransformersModel:
    """A loaded model with its tokens that end an answer.

    Attributes:
        model: the Transformers model, on the GPU if there is one.
        load_s: seconds that reading it took.
    """

    def __init__(self, setup: EngineSetup) -> None:
        start = time.perf_counter()
        self.model = AutoModelForCausalLM.from_pretrained(
            setup.model,
            dtype=getattr(torch, setup.dtype),
            attn_implementation=setup.options.get("attn_implementation", "sdpa"),
        ).to(device_kind())
        self.model.eval()
        self.load_s = time.perf_counter() - start
        ends = self.model.generation_config.eos_token_id
        self.eos_token_ids: tuple[int, ...] = tuple(ends) if isinstance(ends, list) else (ends,)
        pad = self.model.generation_config.pad_token_id
        self.pad_token_id: int = self.eos_token_ids[0] if pad is None else pad

    def generation_config(self, ignore_eos: bool, max_tokens: int, **options: Any) -> GenerationConfig:
        """Returns a greedy configuration; what it left open, Transformers would fill in from the model's own."""
        return GenerationConfig(
            do_sample=False,
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            repetition_penalty=1.0,
            max_new_tokens=max_tokens,
            eos_token_id=NO_EOS if ignore_eos else list(self.eos_token_ids),
            pad_token_id=self.pad_token_id,
            **options,
        )

    def answer_length(self, token_ids: list[int], ignore_eos: bool, max_tokens: int) -> int:
        """Returns how many of the tokens belong to the answer: those up to the first end token, at most its length."""
        token_ids = token_ids[:max_tokens]
        if not ignore_eos:
            for place, token in enumerate(token_ids):
                if token in self.eos_token_ids:
                    return place + 1
        return len(token_ids)

    def forget(self) -> None:
        """Gives the GPU's spare memory back and begins torch's account of its peaks anew."""
        gc.collect()
        if device_kind() == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def facts(self) -> dict[str, float | int | str]:
        """Returns what loading took, and torch's own account of the GPU's memory."""
        facts: dict[str, float | int | str] = {"load_s": self.load_s}
        if device_kind() == "cuda":
            facts["torch_allocated_bytes"] = torch.cuda.max_memory_allocated()
            facts["torch_reserved_bytes"] = torch.cuda.max_memory_reserved()
        return facts
