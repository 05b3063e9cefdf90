"""What a trial of a model on a device comes to: the device's memory as a bar, and the requests that fit."""

import textwrap
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from paged_sim.drawing.figure import MARGIN, PAPER_STYLE, WIDTH, Picture, chart, cut, sheet
from paged_sim.drawing.palette import COLOURS, GREY, LIGHT_GREY, tint
from paged_sim.drawing.sizing_text import num_requests, sizing_heading, sizing_rows
from paged_sim.sizing.sizes import format_size
from paged_sim.sizing.trial import Trial

_GIB = 2**30
_WEIGHTS, _USED, _REST, _TAKEN = COLOURS[1], COLOURS[0], tint(COLOURS[0], 0.35), tint(GREY, 0.7)
_REQUESTS = (COLOURS[0], COLOURS[4], COLOURS[2])
# Characters of a line that fit into the picture.
_LINE_LENGTH = 118
_LINE_HEIGHT = 0.2
# A folder's name may hold dollars, which mean mathematics otherwise.
_TEXT: dict[str, Any] = {"fontsize": 9.5, "parse_math": False}


class _Part(NamedTuple):
    """A part of a bar of memory."""

    label: str
    num_bytes: int
    colour: str


@rc_context(PAPER_STYLE)
def draw_sizing(trial: Trial, *, sentences: bool = True) -> Picture:
    """Returns a picture of memory and requests; of what is needed and what there is, where the model does not fit.

    Args:
        trial: the model on the device.
        sentences: whether it says in words, too, what it shows, what goes wrong, and where the figures come from;
            without weights there is nothing else to show.
    """
    lines = _lines(trial) if sentences or trial.weights is None else []
    if trial.weights is None:
        return _note(lines)
    bars = _memory_bars(trial)
    heights = [0.4 + 0.4 * len(bars)]
    if trial.requests_at_once is not None:
        heights.append(1.4)
    height = sum(heights) + 0.5 * len(heights) + 0.3 + _LINE_HEIGHT * len(lines)
    picture, (memory, *requests) = chart(len(heights), 1, height, row_heights=heights, share_x=False)
    picture.get_layout_engine().set(w_pad=MARGIN)
    if lines:
        look = _TEXT | {"ha": "left", "linespacing": 1.45}
        picture.suptitle("\n".join(lines), x=MARGIN / WIDTH, **look)
    _draw_memory(memory, bars)
    if requests:
        _draw_requests(requests[0], trial)
    return picture


def _memory_bars(trial: Trial) -> dict[str, list[_Part]]:
    """Returns the parts of the device, and of what is needed where that is more than vLLM takes."""
    alone = _left_alone(trial)
    weights = _Part("weights", trial.weights, _WEIGHTS)
    if trial.requests_at_once is not None:
        return {"device": [weights, *_kv_cache_parts(trial), alone]}
    there_is = [_Part("what vLLM takes", trial.settings.empty_device.requested, _TAKEN), alone]
    if trial.device is not None:
        there_is = [weights, _Part("KV cache", trial.device.kv_cache, _REST), alone]
        if trial.capacity is None or trial.capacity.fits:
            return {"device": there_is}
    length = trial.settings.request_len
    one = _Part(f"KV cache of one request of {length:,} tokens", trial.layout.memory_for_max_model_len(length), _USED)
    return {"needed": [weights, one], "device": there_is}


def _left_alone(trial: Trial) -> _Part:
    device = trial.settings.empty_device
    share = f"1 - {device.gpu_memory_utilization:g}"
    return _Part(f"left alone by vLLM ({share})", device.total - device.requested, LIGHT_GREY)


def _kv_cache_parts(trial: Trial) -> list[_Part]:
    settings, at_once = trial.settings, trial.requests_at_once
    used = trial.layout.memory_for_requests(at_once, settings.prompt, settings.output)
    rest = trial.device.kv_cache - used
    return [
        _Part(f"KV cache in use by {num_requests(at_once)}", used, _USED),
        _Part("rest of the KV cache", rest, _REST),
    ]


def _draw_memory(axes: Axes, bars: dict[str, list[_Part]]) -> None:
    labels: set[str] = set()
    for y, (name, parts) in enumerate(bars.items()):
        left = 0.0
        for part in parts:
            width = part.num_bytes / _GIB
            # A part that both bars have is in the legend once.
            label = "_" + part.label if part.label in labels else f"{part.label}: {format_size(part.num_bytes)}"
            look = {"color": part.colour, "linewidth": 0, "label": label, "gid": f"{name}:{part.label}"}
            axes.barh(y, width, 0.7, left, **look)
            labels.add(part.label)
            left += width
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_xlim(0, max(sum(part.num_bytes for part in parts) for parts in bars.values()) / _GIB)
    axes.set_xlabel("memory of one device (GiB)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    _finish(axes)


def _draw_requests(axes: Axes, trial: Trial) -> None:
    settings, concurrency = trial.settings, trial.capacity.max_concurrency
    lengths = f"{settings.prompt:,} + {settings.output:,} tokens"
    values = {
        f"{lengths}\nto their end": (trial.requests_at_once, f"{trial.requests_at_once:,}"),
        f"{lengths}\non average": (trial.requests_on_average, f"{trial.requests_on_average:,.1f}"),
        f"{settings.request_len:,} tokens\n(as vLLM logs it)": (concurrency, f"{concurrency:.2f}x"),
    }
    for y, ((value, label), colour) in enumerate(zip(values.values(), _REQUESTS, strict=True)):
        axes.barh(y, value, 0.7, color=colour, gid=f"requests:{y}")
        axes.annotate(label, (value, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_xlim(0, 1.1 * max(value for value, _ in values.values()))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("requests that fit at once")
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=LIGHT_GREY, linewidth=0.6)
    axes.tick_params(axis="y", length=0)


def _lines(trial: Trial) -> list[str]:
    """Returns heading, problem and figures as lines that fit."""
    problem = [] if trial.problem is None else [trial.problem]
    texts = [sizing_heading(trial), *problem, *(f"{name}: {text}" for name, text in sizing_rows(trial).items())]
    return [line for text in texts for line in textwrap.wrap(text, _LINE_LENGTH, subsequent_indent="   ")]


def _note(lines: list[str]) -> Picture:
    """Returns a picture of lines of text."""
    picture, axes = sheet()
    for row, line in enumerate(lines):
        axes.text(MARGIN, MARGIN + row * _LINE_HEIGHT, line, va="top", **_TEXT)
    cut(picture, axes, 2 * MARGIN + len(lines) * _LINE_HEIGHT)
    return picture
