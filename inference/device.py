"""On what the installed vLLM computes."""


def runs_on_cpu() -> bool:
    """Whether the installed vLLM computes on a CPU."""
    from vllm.platforms import current_platform

    return current_platform.is_cpu()
