"""Walks through a recording in a notebook: slider, buttons, block map, and what each step did.

Without ipywidgets, or outside of a notebook, there is a still picture of some steps instead. So there is where a
notebook is only read, on GitHub for one: the stepper's output carries the still picture along.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

from paged_sim.drawing.block_map import draw_block_map
from paged_sim.drawing.figure import Picture, png
from paged_sim.drawing.notebook import shows_widgets
from paged_sim.drawing.snapshot import Snapshot
from paged_sim.drawing.stage import Stage
from paged_sim.drawing.stills import draw_steps


class Stepper:
    """A slider over the steps; a notebook shows it.

    Args:
        snapshots: of one recording, at most 512 blocks each.
        seconds_per_step: how fast "play" goes; not faster than the steps can be drawn.
        still_indices: the steps of the still picture that it carries along, counted from 0; None takes four.

    Raises:
        ValueError: there are no snapshots, they cannot be drawn together, or an index is not that of a snapshot.
    """

    def __init__(
        self,
        snapshots: Sequence[Snapshot],
        *,
        seconds_per_step: float = 1.5,
        still_indices: Sequence[int] | None = None,
    ) -> None:
        import ipywidgets as widgets

        self._snapshots = list(snapshots)
        self._still = b64encode(png(draw_steps(self._snapshots, still_indices))).decode("ascii")
        self._stage = Stage.of(self._snapshots)
        self._images: dict[int, bytes] = {}
        last = len(self._snapshots) - 1
        self.slider = widgets.IntSlider(min=0, max=last, description="Step", continuous_update=False)
        self.play = widgets.Play(min=0, max=last, interval=round(1000 * seconds_per_step))
        self.previous = widgets.Button(description="Previous", icon="step-backward")
        self.next = widgets.Button(description="Next", icon="step-forward")
        self.picture = widgets.Image(format="png")
        self.text = widgets.HTML()
        controls = widgets.HBox([self.previous, self.next, self.play, self.slider])
        self.widget = widgets.VBox([controls, self.text, self.picture])
        widgets.link((self.play, "value"), (self.slider, "value"))
        self.previous.on_click(lambda _button: self.move(-1))
        self.next.on_click(lambda _button: self.move(1))
        self.slider.observe(lambda _change: self._show(), "value")
        self._show()

    def move(self, num_steps: int) -> None:
        """Goes forward, or back for a negative number, as far as there are steps."""
        # The slider keeps its value between the first and the last step.
        self.slider.value += num_steps

    def _show(self) -> None:
        index = self.slider.value
        snapshot = self._snapshots[index]
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in snapshot.sentences)
        self.text.value = f"<ul>{items}</ul>"
        if index not in self._images:
            self._images[index] = png(draw_block_map(snapshot, stage=self._stage, sentences=False))
        self.picture.value = self._images[index]
        self.previous.disabled, self.next.disabled = index == self.slider.min, index == self.slider.max

    def __repr__(self) -> str:
        return f"Stepper({len(self._snapshots)} steps)"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return self.widget._repr_mimebundle_(**options) | {"image/png": self._still, "text/plain": repr(self)}


def show_steps(
    snapshots: Sequence[Snapshot], *, indices: Sequence[int] | None = None, interactive: bool | None = None
) -> Stepper | Picture:
    """Returns a stepper where a notebook can show it, else a still picture of some steps.

    Args:
        snapshots: of one recording, at most 512 blocks each.
        indices: the steps of the still picture, counted from 0; None takes four.
        interactive: True for the stepper, False for the still picture, None finds out.

    Raises:
        ValueError: the snapshots cannot be drawn, an index is not that of a snapshot, or `interactive` is True and
            ipywidgets is missing.
    """
    if shows_widgets(interactive):
        return Stepper(snapshots, still_indices=indices)
    return draw_steps(snapshots, indices)
