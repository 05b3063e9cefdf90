"""Works out in a notebook how many blocks, tokens and requests a model's KV cache holds on a device.

Without ipywidgets, or outside of a notebook, there is a still picture instead. So there is where a notebook is only
read, on GitHub for one: the calculator's output carries the still picture along.

    show_sizing("Llama-3.1-8B-Instruct", device_memory="80GiB", prompt=1000, output=500)
"""

from base64 import b64encode
from typing import Any

from paged_sim.checks import require
from paged_sim.drawing.figure import Picture, png
from paged_sim.drawing.notebook import shows_widgets
from paged_sim.drawing.sizing_picture import draw_sizing
from paged_sim.drawing.sizing_text import sizing_heading, sizing_html
from paged_sim.sizing.cache_dtype import CACHE_DTYPES
from paged_sim.sizing.device_memory import DEFAULT_UTILIZATION
from paged_sim.sizing.model_source import load_model_shape
from paged_sim.sizing.presets import presets
from paged_sim.sizing.sizes import parse_size
from paged_sim.sizing.trial import Trial, TrialSettings, attempt

_MEMORY_SIZES = tuple(f"{gib}GiB" for gib in (8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 141, 192))
# vLLM has no kv_cache_dtype of this name; a model in float32 has such a cache by "auto".
_CACHE_DTYPES = ("auto", *(name for name in CACHE_DTYPES if name != "float32"))
_BLOCK_SIZES = (1, 8, 16, 32, 64, 128, 256)
# More would take seconds to count.
_MOST_TOKENS = 2**20
_MOST_DEVICES = 64
_MOST_WEIGHTS_GIB = 4096
_GIB = 2**30
# The controls in their order: attributes of the calculator, named after what they set, with what users read.
_CONTROLS = {
    "model": "Model",
    "device_memory": "Device memory",
    "weights": "Weights (GiB, 0: own)",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "tensor_parallel_size": "Devices (TP size)",
    "kv_cache_dtype": "KV cache dtype",
    "block_size": "Block size (tokens)",
    "prompt": "Prompt (tokens)",
    "output": "Answer (tokens)",
    "max_model_len": "max_model_len (0: own)",
}
_TOOLTIPS = {"max_model_len": "0: that of the model", "weights": "0: counted; quantised ones must be given"}


class SizingCalculator:
    """Controls for model, device and requests, with a picture and a text of what fits; a notebook shows it.

    Args:
        settings: what the controls start with.
    """

    def __init__(self, settings: TrialSettings) -> None:
        import ipywidgets as widgets

        self._shapes = {preset.short_name: preset.shape for preset in presets()}
        model = next((name for name, shape in self._shapes.items() if shape == settings.shape), settings.shape.name)
        self._shapes[model] = settings.shape
        self.model = widgets.Dropdown(options=list(self._shapes), value=model)
        memory, dtype, block_size = settings.device_memory, settings.kv_cache_dtype, settings.block_size
        self.device_memory = widgets.Dropdown(options=_memory_sizes(memory), value=memory)
        weights = (settings.weights or 0) / _GIB
        self.weights = widgets.BoundedFloatText(weights, min=0, max=max(_MOST_WEIGHTS_GIB, weights), step=0.5)
        share = settings.gpu_memory_utilization
        self.gpu_memory_utilization = widgets.FloatSlider(share, min=0.01, max=1, step=0.01, continuous_update=False)
        self.tensor_parallel_size = _number(settings.tensor_parallel_size, 1, _MOST_DEVICES)
        self.kv_cache_dtype = widgets.Dropdown(options=[*dict.fromkeys((*_CACHE_DTYPES, dtype))], value=dtype)
        self.block_size = widgets.Dropdown(options=sorted({*_BLOCK_SIZES, block_size}), value=block_size)
        self.prompt, self.output = _number(settings.prompt), _number(settings.output)
        self.max_model_len = _number(settings.max_model_len or 0, 0)
        self.picture, self.text = widgets.Image(format="png"), widgets.HTML()
        controls = [self._prepare(name) for name in _CONTROLS]
        grid = widgets.GridBox(controls, layout={"grid_template_columns": "repeat(auto-fit, 30em)"})
        self.widget = widgets.VBox([grid, self.text, self.picture])
        self._show()

    @property
    def trial(self) -> Trial:
        """What the controls say now, tried out."""
        values = {name: getattr(self, name).value for name in _CONTROLS}
        values["shape"] = self._shapes[values.pop("model")]
        values["max_model_len"] = values["max_model_len"] or None
        values["weights"] = round(values["weights"] * _GIB) or None
        return attempt(TrialSettings(**values))

    def _prepare(self, name: str) -> Any:
        """Labels a control, and lets it change picture and text."""
        control = getattr(self, name)
        control.description, control.tooltip = _CONTROLS[name], _TOOLTIPS.get(name, name)
        control.style.description_width, control.layout.width = "14em", "29em"
        control.observe(lambda _change: self._show(), "value")
        return control

    def _show(self) -> None:
        trial = self.trial
        self.text.value = sizing_html(trial)
        # Without weights there is nothing to draw; the text says why.
        self.picture.layout.display = "none" if trial.weights is None else None
        self.picture.value = png(draw_sizing(trial, sentences=False))

    def __repr__(self) -> str:
        trial = self.trial
        problem = "" if trial.problem is None else f": {trial.problem}"
        return f"SizingCalculator({sizing_heading(trial)}{problem})"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        still = b64encode(png(draw_sizing(self.trial))).decode("ascii")
        return self.widget._repr_mimebundle_(**options) | {"image/png": still, "text/plain": repr(self)}


def show_sizing(
    model: str = "SmolLM2-1.7B-Instruct",
    *,
    device_memory: str = "24GiB",
    weights: str | None = None,
    gpu_memory_utilization: float = DEFAULT_UTILIZATION,
    max_model_len: int | None = None,
    prompt: int = 512,
    output: int = 256,
    kv_cache_dtype: str = "auto",
    block_size: int = 16,
    tensor_parallel_size: int = 1,
    interactive: bool | None = None,
) -> SizingCalculator | Picture:
    """Returns a calculator where a notebook can show it, else a still picture.

    What cannot work, such as weights larger than the device, is no error: text and picture say so.

    Args:
        model: a known name, a folder with `config.json`, or owner/name on the hub.
        device_memory: of one device, such as "24GiB".
        weights: all weights, such as "14GB"; None counts them, which quantised ones do not allow.
        gpu_memory_utilization: share of it that vLLM takes.
        max_model_len: most tokens of a request; None for the model's own.
        prompt: tokens of each prompt.
        output: tokens of each answer.
        kv_cache_dtype: data type of keys and values, a name in `CACHE_DTYPES`; "auto" for the model's own.
        block_size: tokens of a block.
        tensor_parallel_size: devices that share the model.
        interactive: True for the calculator, False for the still picture, None finds out.

    Raises:
        ValueError: an argument makes no sense by itself, or `interactive` is True and ipywidgets is missing.
    """
    require(isinstance(model, str), "model", "the name or the path of a model", model)
    require(isinstance(weights, str | None), "weights", "a size such as 14GB, or None", weights)
    settings = TrialSettings(
        shape=load_model_shape(model),
        device_memory=device_memory,
        weights=None if weights is None else parse_size(weights, "weights"),
        gpu_memory_utilization=gpu_memory_utilization,
        max_model_len=max_model_len,
        prompt=prompt,
        output=output,
        kv_cache_dtype=kv_cache_dtype,
        block_size=block_size,
        tensor_parallel_size=tensor_parallel_size,
    )
    return SizingCalculator(settings) if shows_widgets(interactive) else draw_sizing(attempt(settings))


def _memory_sizes(given: str) -> list[str]:
    """Returns the sizes to choose from, smallest first; the given one stands for an equal one."""
    sizes = {parse_size(size): size for size in (*_MEMORY_SIZES, given)}
    return [sizes[num_bytes] for num_bytes in sorted(sizes)]


def _number(value: int, least: int = 1, most: int = _MOST_TOKENS) -> Any:
    import ipywidgets as widgets

    return widgets.BoundedIntText(value, min=least, max=max(most, value))
