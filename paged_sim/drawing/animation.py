"""A recording as a film: for a notebook, or as a GIF.

Each step is drawn anew, which takes about 0.2 seconds for 40 blocks and a second for 200.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.animation import FuncAnimation, PillowWriter

from paged_sim.checks import require, require_number
from paged_sim.drawing.block_map import Parts, paint
from paged_sim.drawing.figure import MARGIN, PAPER_STYLE, blank, cut, sheet
from paged_sim.drawing.palette import PAPER
from paged_sim.drawing.snapshot import Snapshot
from paged_sim.drawing.stage import Stage


def animate(snapshots: Sequence[Snapshot], *, seconds_per_step: float = 1.0) -> FuncAnimation:
    """Returns an animation of the block map, with block tables, queues and sentences.

    Keep it in a variable until it was shown or saved, as matplotlib demands.

    Args:
        snapshots: of one recording, at most 512 blocks each.
        seconds_per_step: how long each step is shown, above 0.

    Raises:
        ValueError: there are no snapshots, they cannot be drawn together, or the time is not above 0.
    """
    require_number("seconds_per_step", seconds_per_step, 0)
    require(seconds_per_step > 0, "seconds_per_step", "above 0", seconds_per_step)
    stage = Stage.of(snapshots)
    picture, axes = sheet()

    def show(index: int) -> None:
        # It is called when the animation is saved, whatever the style is then.
        with rc_context(PAPER_STYLE):
            blank(axes)
            cut(picture, axes, paint(axes, MARGIN, snapshots[index], stage, Parts()))

    show(0)
    interval_ms = 1000 * seconds_per_step
    return FuncAnimation(picture, show, frames=len(snapshots), interval=interval_ms, cache_frame_data=False)


def save_gif(snapshots: Sequence[Snapshot], path: str | Path, *, seconds_per_step: float = 1.0) -> None:
    """Writes an animation to a GIF file; arguments and errors are those of `animate`, and the file's OSError."""
    animate(snapshots, seconds_per_step=seconds_per_step).save(path, writer=PillowWriter(fps=1 / seconds_per_step))


# matplotlib gives the background of its own settings to images in HTML.
@rc_context({"savefig.facecolor": PAPER})
def animation_html(snapshots: Sequence[Snapshot], *, seconds_per_step: float = 1.0) -> str:
    """Returns an animation as HTML with a slider and buttons, which works without a kernel.

    All steps are in it as images, so it is for short recordings: matplotlib leaves out what goes beyond 20 MB. Show it
    with `IPython.display.HTML`. Arguments and errors are those of `animate`.
    """
    return animate(snapshots, seconds_per_step=seconds_per_step).to_jshtml(default_mode="once")
