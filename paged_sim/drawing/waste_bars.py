"""Where the KV memory goes: Figure 2 of the PagedAttention paper, simulated beside printed."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from paged_sim.checks import require, require_number
from paged_sim.drawing.figure import PAPER_STYLE, Picture, chart
from paged_sim.drawing.palette import PAPER
from paged_sim.drawing.slot_classes import SLOT_CLASSES
from paged_sim.paper.published import MEMORY_SHARES, ORCA_MAX, ORCA_ORACLE, ORCA_POW2, VLLM

# The paper's name of a system.
_PRINTED_NAMES = {"orca_max": ORCA_MAX, "orca_pow2": ORCA_POW2, "orca_oracle": ORCA_ORACLE, "vllm": VLLM}
_BAR_WIDTH = 0.38
# Percent below which a number does not fit into its part of a bar.
_SMALLEST_LABEL = 3.5
# The paper's own numbers add up to 99.9.
_ROUNDING = 0.5


@rc_context(PAPER_STYLE)
def draw_waste_bars(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """Returns a picture with two bars for each system: simulated, and as printed in Figure 2.

    Args:
        rows: {"system", "used", "reserved", "internal", "external"} in percent of the KV memory, as
            `python -m paged_sim waste --json` gives them. A system other than "orca_max", "orca_pow2", "orca_oracle"
            and "vllm" has one bar.

    Raises:
        ValueError: there is no row, a value is missing or no percentage, or a row does not add up to 100.
    """
    require(len(rows) > 0, "rows", "at least one", rows)
    for row in rows:
        _check(row)
    picture, (axes,) = chart(1, 1, height=4.2)
    ticks: dict[float, str] = {}
    for index, row in enumerate(rows):
        printed = _printed(row["system"])
        x = index - _BAR_WIDTH / 2 - 0.02 if printed else index
        _draw_bar(axes, x, row, f"{row['system']}:simulated")
        ticks[x] = "simulated"
        if printed:
            _draw_bar(axes, index + _BAR_WIDTH / 2 + 0.02, printed, f"{row['system']}:paper")
            ticks[index + _BAR_WIDTH / 2 + 0.02] = "paper"
        name = _PRINTED_NAMES.get(row["system"], row["system"])
        axes.text(index, 102, name, ha="center", va="bottom", fontsize=10.5)
    axes.set_xticks(list(ticks), list(ticks.values()), va="baseline")
    axes.tick_params(axis="x", length=0, pad=14)
    axes.set_ylim(0, 100)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_ylabel("KV memory (%)")
    handles = [Patch(color=look.colour, label=look.label) for look in SLOT_CLASSES.values()]
    picture.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return picture


def _draw_bar(axes: Axes, x: float, shares: Mapping[str, Any], gid: str) -> None:
    bottom = 0.0
    for name, look in SLOT_CLASSES.items():
        share = shares[name]
        axes.bar(x, share, _BAR_WIDTH, bottom, color=look.colour, edgecolor=PAPER, gid=f"{gid}:{name}")
        if share >= _SMALLEST_LABEL:
            label = {"ha": "center", "va": "center", "fontsize": 8.5, "color": look.text_colour, "gid": f"{gid}:{name}"}
            axes.text(x, bottom + share / 2, f"{share:.1f}", **label)
        bottom += share


def _printed(system: str) -> dict[str, float] | None:
    if system not in _PRINTED_NAMES:
        return None
    return {name: share or 0.0 for name, share in zip(SLOT_CLASSES, MEMORY_SHARES[_PRINTED_NAMES[system]], strict=True)}


def _check(row: Mapping[str, Any]) -> None:
    require(isinstance(row.get("system"), str), "system", "the name of a system", row.get("system"))
    for name in SLOT_CLASSES:
        require_number(f"{name} of {row['system']!r}", row.get(name), 0, 100)
    total = sum(row[name] for name in SLOT_CLASSES)
    require(abs(total - 100) <= _ROUNDING, f"shares of {row['system']!r}", "100 percent together", total)
