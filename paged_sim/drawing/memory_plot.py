"""The KV cache over time: how many blocks are in use, how much of them is empty, and for how many requests."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes

from paged_sim.checks import require, require_integer
from paged_sim.drawing.figure import PAPER_STYLE, Picture, chart
from paged_sim.drawing.palette import COLOURS, GREY, INK, LineStyle, line_styles, tint
from paged_sim.simulation.cost_model import PS_PER_S
from paged_sim.simulation.run import TimelinePoint

_FILLED, _UNFILLED = COLOURS[0], tint(COLOURS[0], 0.35)
_RUNNING, _WAITING = LineStyle(COLOURS[0], "", "-"), LineStyle(COLOURS[5], "", "--")
_LEGEND_PLACE = {"loc": "upper left", "bbox_to_anchor": (1, 1)}


class MemoryUse(NamedTuple):
    """How full a system's KV cache is over time.

    Attributes:
        times_s: seconds at which the steps start, rising.
        used_percent: share of the KV cache that is allocated, 0 to 100.
        num_running: requests that run.
    """

    times_s: Sequence[float]
    used_percent: Sequence[float]
    num_running: Sequence[int]


def memory_use(timeline: Sequence[TimelinePoint], num_blocks: int) -> MemoryUse:
    """Returns the use of a KV cache of `num_blocks` blocks, the null block included, from a simulation's timeline.

    Raises:
        ValueError: the timeline is empty, or needs more blocks.
    """
    _check(timeline, num_blocks)
    return MemoryUse(
        [point.clock_ps / PS_PER_S for point in timeline],
        [100 * point.num_used_blocks / (num_blocks - 1) for point in timeline],
        [point.num_running for point in timeline],
    )


@rc_context(PAPER_STYLE)
def draw_memory(timeline: Sequence[TimelinePoint], *, num_blocks: int, block_size: int) -> Picture:
    """Returns a picture of blocks and requests over the simulated time.

    Args:
        timeline: of a simulation with `Recording(timeline=True)`.
        num_blocks: all blocks, the null block included.
        block_size: tokens of a block.

    Raises:
        ValueError: the timeline is empty, or needs more blocks.
    """
    _check(timeline, num_blocks)
    require_integer("block_size", block_size, 1)
    times = [point.clock_ps / PS_PER_S for point in timeline]
    used = [point.num_used_blocks for point in timeline]
    filled = [point.num_used_blocks - point.num_unfilled_slots / block_size for point in timeline]
    picture, (blocks, requests) = chart(2, 1, height=4.4)
    blocks.fill_between(times, filled, step="post", color=_FILLED, linewidth=0, label="filled with tokens")
    blocks.fill_between(times, filled, used, step="post", color=_UNFILLED, linewidth=0, label="allocated, still empty")
    blocks.axhline(num_blocks - 1, color=INK, linewidth=1, linestyle="--", label=f"all {num_blocks - 1} blocks")
    blocks.set_ylabel("KV cache (blocks)")
    _step_line(requests, times, [point.num_running for point in timeline], "running", _RUNNING)
    _step_line(requests, times, [point.num_waiting for point in timeline], "waiting", _WAITING)
    requests.set_ylabel("requests")
    _finish(blocks, requests)
    blocks.legend(**_LEGEND_PLACE)
    requests.legend(**_LEGEND_PLACE)
    return picture


@rc_context(PAPER_STYLE)
def draw_memory_of_systems(systems: Mapping[str, MemoryUse]) -> Picture:
    """Returns a picture that compares how full several systems' KV caches are, and how many requests run.

    Args:
        systems: by name.

    Raises:
        ValueError: there is no system, or its sequences differ in length.
    """
    require(len(systems) > 0, "systems", "at least one", systems)
    for name, use in systems.items():
        lengths = [len(values) for values in use]
        require(len(set(lengths)) == 1 and lengths[0] > 0, f"sequences of {name!r}", "of one length above 0", lengths)
    picture, (memory, requests) = chart(2, 1, height=4.4)
    for (name, use), style in zip(systems.items(), line_styles(), strict=False):
        _step_line(memory, use.times_s, use.used_percent, name, style)
        _step_line(requests, use.times_s, use.num_running, name, style)
    memory.axhline(100, color=GREY, linewidth=0.8)
    memory.set_ylabel("KV cache in use (%)")
    requests.set_ylabel("running requests")
    _finish(memory, requests)
    memory.legend(**_LEGEND_PLACE)
    return picture


def _check(timeline: Sequence[TimelinePoint], num_blocks: int) -> None:
    require(len(timeline) > 0, "timeline", "recorded: a Recording with timeline=True", timeline)
    peak = max(point.num_used_blocks for point in timeline)
    require_integer("num_blocks", num_blocks, peak + 1)


def _step_line(axes: Axes, times: Sequence[float], values: Sequence[float], label: str, look: LineStyle) -> None:
    axes.plot(
        times, values, label=label, **look._asdict() | {"marker": "", "drawstyle": "steps-post", "linewidth": 1.5}
    )


def _finish(upper: Axes, lower: Axes) -> None:
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        axes.set_xlim(left=0)
    lower.set_xlabel("simulated time (s)")
