"""Small recordings that show everything that a step can do."""

from paged_sim import SchedulerConfig
from paged_sim.drawing.recorder import record_trace
from paged_sim.drawing.snapshot import Snapshot
from paged_sim.workload.trace import Segment, TraceRequest

SYSTEM_PROMPT = Segment("system", 9)


def request(request_id: str, prompt: int, output: int, arrival: float = 0.0, shared: bool = False) -> TraceRequest:
    segments = (*([SYSTEM_PROMPT] if shared else []), Segment(request_id, prompt))
    return TraceRequest(request_id, segments, Segment(f"{request_id}/answer", output), arrival)


def eventful() -> list[Snapshot]:
    """Twelve blocks: a shared prompt, a preemption, an eviction, an abort, and free blocks with cached contents."""
    trace = [
        request("A", 3, 9, shared=True),
        request("B", 6, 12, shared=True),
        request("C", 5, 8, 1.0),
        request("D", 2, 6, 2.0, shared=True),
        TraceRequest("E", (Segment("E", 8),), Segment("E/answer", 5), 3.0, abort_time=9.0),
    ]
    config = SchedulerConfig(num_blocks=13, block_size=4, max_num_seqs=4, max_num_batched_tokens=24, max_model_len=48)
    return record_trace(trace, config)


def crowded(num_blocks: int, num_requests: int, block_size: int, prompt: int) -> list[Snapshot]:
    """Many requests at once, two thirds of which share the start of their prompts."""
    trace = [
        request(f"r{index}", prompt + index % 3, 8 + index % 4, 0.0, index % 3 > 0) for index in range(num_requests)
    ]
    config = SchedulerConfig(
        num_blocks=num_blocks,
        block_size=block_size,
        max_num_seqs=12,
        max_num_batched_tokens=512,
        max_model_len=(num_blocks - 1) * block_size,
    )
    return record_trace(trace, config)
