"""A call to a running engine: it compiles nothing unasked, and leaves nothing behind if it ends early."""

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from inference.device import runs_on_cpu
from inference.errors import EngineEndedError


@contextmanager
def engine_call(llm: Any) -> Iterator[None]:
    """A context for calls that compute. If one ends early, by Ctrl-C or an error, the engine forgets its requests.

    vLLM keeps them otherwise: the next call would compute them as well, and return them among its own answers.

    Args:
        llm: a `vllm.LLM`.

    Raises:
        EngineEndedError: the engine's own process has ended.
    """
    from vllm.v1.engine.exceptions import EngineDeadError

    try:
        with _uncompiled() if runs_on_cpu() and llm.model_config.enforce_eager else nullcontext():
            yield
    except EngineDeadError as error:
        raise EngineEndedError("The engine's process has ended. Close this engine and make a new one.") from error
    except BaseException:
        # Whatever the engine says now, the first error is the one to see.
        with suppress(Exception):
            _forget_requests(llm)
        raise


def hold_interrupts_during_steps(llm: Any) -> None:
    """Lets an engine in this process complete its step before Ctrl-C is raised: a step takes less than a second.

    One that is cut short leaves blocks in the prefix cache that were never filled, and a model runner that has computed
    but not sampled and so refuses every further step (vLLM's `v1/engine/core.py`, `EngineCore.step`).
    """
    client = llm.llm_engine.engine_core
    client.get_output = _uninterrupted(client.get_output)


def _uncompiled() -> AbstractContextManager[None]:
    """A context in which nothing is compiled in this process, whatever asks for it.

    vLLM compiles parts of its sampler even in eager mode: on a CPU that needs g++ and holds the first request up for
    some 20 seconds.
    """
    import torch

    return torch.compiler.set_stance("force_eager")


def _forget_requests(llm: Any) -> None:
    engine = llm.llm_engine
    engine.abort_request(list(engine.output_processor.request_states), internal=True)
    # A failed step entered its blocks into the prefix cache before it filled them.
    llm.reset_prefix_cache()


def _uninterrupted(function: Callable[[], Any]) -> Callable[[], Any]:
    @functools.wraps(function)
    def complete() -> Any:
        # Python runs signal handlers in the main thread only.
        if threading.current_thread() is not threading.main_thread():
            return function()
        received: list[int] = []
        handler = signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
        try:
            return function()
        finally:
            signal.signal(signal.SIGINT, handler)
            if received:
                signal.raise_signal(signal.SIGINT)

    return complete
