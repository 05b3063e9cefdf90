"""Whether a picture can be one with controls: in a notebook, and with ipywidgets."""

import sys
from importlib.util import find_spec

from paged_sim.checks import require


def shows_widgets(interactive: bool | None) -> bool:
    """Returns whether to show controls.

    Args:
        interactive: what is asked for; None finds out whether a notebook can show them.

    Raises:
        ValueError: they are asked for and ipywidgets is missing, or `interactive` is none of the three.
    """
    require(interactive is None or type(interactive) is bool, "interactive", "True, False or None", interactive)
    has_widgets = find_spec("ipywidgets") is not None
    require(interactive is not True or has_widgets, "interactive", "False or None without ipywidgets", interactive)
    return has_widgets and _runs_in_notebook() if interactive is None else interactive


def _runs_in_notebook() -> bool:
    """Whether IPython runs as a kernel; if nobody has imported it, it does not."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
