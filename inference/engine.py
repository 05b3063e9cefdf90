"""Starts and ends vLLM: with the root cause in the message when it does not start."""

import gc
import weakref
from typing import Any

from inference.base_model import BaseModel
from inference.device import runs_on_cpu
from inference.engine_call import hold_interrupts_during_steps
from inference.engine_log import EngineLog, is_consequence
from inference.errors import EngineStartError, MemoryBudgetError
from inference.seeded_sampling import turn_back_seeded_generators

# Characters of an error's text that are shown.
_LONGEST_CAUSE = 600

_engines_in_this_process: weakref.WeakSet[Any] = weakref.WeakSet()


def start_engine(base: BaseModel, settings: dict[str, Any], log: EngineLog) -> Any:
    """Returns a running `vllm.LLM`.

    Args:
        base: the base model.
        settings: vLLM's arguments.
        log: what the engine's processes log to; to be kept as long as the engine.

    Raises:
        EngineStartError: vLLM did not start.
        MemoryBudgetError: model or KV cache do not fit.
    """
    arguments = {"disable_log_stats": False, "seed": 0} | settings
    from vllm import LLM

    with log.configured():
        try:
            llm = LLM(model=base.source, **arguments)
        except Exception as error:  # vLLM raises anything from OSError to pydantic's ValidationError
            raise _explained(error, log) from error
    if _runs_in_this_process(llm):
        _engines_in_this_process.add(llm)
        hold_interrupts_during_steps(llm)
        if runs_on_cpu() and computes_in_this_process(llm):
            turn_back_seeded_generators(llm)
    return llm


def stop_engine(llm: Any) -> None:
    """Ends an engine; other engines in this process live on."""
    _engines_in_this_process.discard(llm)
    client = llm.llm_engine.engine_core
    if not (_runs_in_this_process(llm) and _engines_in_this_process):
        client.shutdown()
        return
    # vLLM's own shutdown would take down torch's process group, which the other engines share. Without references
    # this engine's memory goes once the garbage collector looks at it again: vLLM has frozen it.
    if finalizer := getattr(client, "_finalizer", None):
        finalizer.detach()
    client.engine_core.model_executor.shutdown()
    gc.unfreeze()


def computes_in_this_process(llm: Any) -> bool:
    """Whether the model runs in this process, where its parts can be replaced, and not in a process of its own."""
    from vllm.v1.executor.uniproc_executor import UniProcExecutor

    return _runs_in_this_process(llm) and isinstance(
        llm.llm_engine.engine_core.engine_core.model_executor, UniProcExecutor
    )


def _runs_in_this_process(llm: Any) -> bool:
    return hasattr(llm.llm_engine.engine_core, "engine_core")


def _explained(error: Exception, log: EngineLog) -> EngineStartError:
    # The texts of pydantic and torch run over several lines, the cause in the second.
    text = " ".join(str(error).split())[:_LONGEST_CAUSE]
    cause = log.root_cause() or f"{type(error).__name__}: {text}"
    lowered = cause.lower()
    if "out of memory" in lowered or "kv cache" in lowered or "free memory" in lowered:
        return MemoryBudgetError(
            f"vLLM did not get the memory that it needs. {cause}\n"
            "Lower max_model_len, raise gpu_memory_utilization if the GPU is otherwise free, or choose a smaller model."
        )
    if is_consequence(cause):
        cause += (
            "\nThe engine's process ended before it could log. If this is a script, put the code that starts the "
            "engine under `if __name__ == '__main__':`, since that process imports the script first."
        )
    return EngineStartError(f"vLLM did not start. {cause}")
