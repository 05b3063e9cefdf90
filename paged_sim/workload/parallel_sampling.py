"""Several samples of one prompt.

vLLM's V1 engine has no sequence groups: a request for n samples becomes n requests with the same prompt, which share
its blocks through the prefix cache (`vllm/v1/engine/parallel_sampling.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from paged_sim.checks import require_integer
from paged_sim.workload.trace import Segment, TraceRequest


def parallel_samples(trace: Iterable[TraceRequest], num_samples: int) -> Iterator[TraceRequest]:
    """Returns `num_samples` requests for each one of `trace`: the same prompt and length, different answers.

    Ids are vLLM's: `0_` + id, `1_` + id, …

    Args:
        trace: requests in order of arrival.
        num_samples: at least 1.

    Raises:
        ValueError: `num_samples` is not an integer of at least 1.
    """
    require_integer("num_samples", num_samples, 1)
    return (_sample(request, index) for request in trace for index in range(num_samples))


def _sample(request: TraceRequest, index: int) -> TraceRequest:
    output = Segment(f"{index}_{request.output.name}", request.output.length)
    return replace(request, request_id=f"{index}_{request.request_id}", output=output)
