"""Which operators apply LoRA: offered before the engine starts, confirmed once it runs."""

import logging
from typing import Any

from inference.device import runs_on_cpu
from inference.engine import computes_in_this_process

logger = logging.getLogger(__name__)


def offer_grouped_operators() -> None:
    """Lets engines that start from now on use `inference.cpu_lora`, where this vLLM is one that it fits."""
    if runs_on_cpu():
        from inference import cpu_lora

        if cpu_lora.can_install():
            cpu_lora.install()


def can_mix_adapters(llm: Any) -> bool:
    """Whether rows with and without an adapter can share an engine call; says in the log what applies LoRA.

    On a CPU vLLM's own operators give rows without an adapter the answer of another row's. They are used with other
    versions of vLLM, and where the model runs in processes of its own, which do not know of `inference.cpu_lora`.
    """
    if not runs_on_cpu():
        return True
    from inference import cpu_lora

    if cpu_lora.can_install() and computes_in_this_process(llm):
        logger.info("LoRA on CPU: one matrix product per adapter")
        return True
    logger.warning("LoRA on CPU: vLLM's own operators, slow; one engine call per adapter")
    return False
