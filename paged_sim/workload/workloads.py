"""The workloads that come with the simulator, by name."""

from collections.abc import Callable, Iterator
from itertools import islice

from paged_sim.checks import require, require_integer
from paged_sim.workload.arrivals import burst_arrivals, poisson_arrivals, require_rate
from paged_sim.workload.chats import ChatShape, chats
from paged_sim.workload.independent import independent_requests
from paged_sim.workload.lengths import alpaca_lengths, sharegpt_lengths, uniform_lengths
from paged_sim.workload.parallel_sampling import parallel_samples
from paged_sim.workload.shared_prefix import system_prompts, with_system_prompts
from paged_sim.workload.trace import TraceRequest

# Number of requests, requests per second (None: all at 0) and seed -> the requests, in order of arrival.
Workload = Callable[[int, float | None, int], Iterator[TraceRequest]]

_NUM_SAMPLES = 4
_CHAT = ChatShape(num_turns=4)


def workload(name: str, num_requests: int, rate: float | None = None, seed: int = 0) -> Iterator[TraceRequest]:
    """Returns the requests of a workload in order of arrival, made one by one.

    Args:
        name: one of `WORKLOADS`.
        num_requests: how many, at least 1.
        rate: requests per second on average, which arrive as a Poisson process; None: all are there at the start.
        seed: an integer of at least 0; the same seed gives the same requests. Except for chats, whose turns change
            places, the rate changes nothing but the arrival times.

    Raises:
        ValueError: a value is out of its range; the message names field, rule and value.
    """
    require(name in WORKLOADS, "name", f"one of {', '.join(WORKLOADS)}", name)
    require_integer("num_requests", num_requests, 1)
    return WORKLOADS[name](num_requests, rate, seed)


def sharegpt(num_requests: int, rate: float | None, seed: int) -> Iterator[TraceRequest]:
    """Chat messages and long answers: 161 and 338 tokens on average, as in the PagedAttention paper."""
    return islice(independent_requests(sharegpt_lengths(seed), _arrivals(rate, seed)), num_requests)


def alpaca(num_requests: int, rate: float | None, seed: int) -> Iterator[TraceRequest]:
    """Short instructions and answers: 19 and 58 tokens on average, as in the PagedAttention paper."""
    return islice(independent_requests(alpaca_lengths(seed), _arrivals(rate, seed)), num_requests)


def long_answers(num_requests: int, rate: float | None, seed: int) -> Iterator[TraceRequest]:
    """800 to 1200 tokens in, 4000 to 6000 out: the benchmark of the watermark in vLLM PR #44594."""
    lengths = uniform_lengths(1000, 5000, 0.2, seed)
    return islice(independent_requests(lengths, _arrivals(rate, seed)), num_requests)


def shared_prefix(num_requests: int, rate: float | None, seed: int) -> Iterator[TraceRequest]:
    """ShareGPT-like messages, each after one of 8 system prompts of 512 tokens, chosen by Zipf's law."""
    prompts = system_prompts(8, 512, seed, zipf_exponent=1)
    return with_system_prompts(sharegpt(num_requests, rate, seed), prompts)


def chat(num_requests: int, rate: float | None, seed: int) -> Iterator[TraceRequest]:
    """Conversations of 4 ShareGPT-like turns, each turn's prompt holding all earlier ones; up to 8192 tokens."""
    num_conversations = -(-num_requests // _CHAT.num_turns)
    starts = islice(_arrivals(rate, seed, requests_per_arrival=_CHAT.num_turns), num_conversations)
    return islice(chats(sharegpt_lengths(seed), starts, _CHAT, seed), num_requests)


def parallel_sampling(num_requests: int, rate: float | None, seed: int) -> Iterator[TraceRequest]:
    """4 samples of each Alpaca-like prompt, as independent requests that arrive together."""
    arrivals = _arrivals(rate, seed, requests_per_arrival=_NUM_SAMPLES)
    prompts = independent_requests(alpaca_lengths(seed), arrivals)
    return islice(parallel_samples(prompts, _NUM_SAMPLES), num_requests)


WORKLOADS: dict[str, Workload] = {
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "long-answers": long_answers,
    "shared-prefix": shared_prefix,
    "chat": chat,
    "parallel-sampling": parallel_sampling,
}


def _arrivals(rate: float | None, seed: int, requests_per_arrival: int = 1) -> Iterator[float]:
    if rate is None:
        return burst_arrivals()
    require_rate(rate)
    return poisson_arrivals(rate / requests_per_arrival, seed)
