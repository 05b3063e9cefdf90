"""The calculator's picture and text say what the sizing classes say, for any setting, and never fail."""

import math
import re
import sys
from base64 import b64encode
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paged_sim.drawing.figure import png
from paged_sim.drawing.sizing_calculator import SizingCalculator, show_sizing
from paged_sim.drawing.sizing_picture import draw_sizing
from paged_sim.drawing.sizing_text import sizing_html, sizing_rows
from paged_sim.sizing.capacity import KVCacheCapacity
from paged_sim.sizing.device_memory import DeviceMemory, weights_per_device
from paged_sim.sizing.layout import KVCacheLayout
from paged_sim.sizing.model_source import load_model_shape
from paged_sim.sizing.presets import presets
from paged_sim.sizing.sizes import format_size, parse_size
from paged_sim.sizing.trial import Trial, TrialSettings, attempt
from tests.paged_sim.test_drawing import OTHER_STYLE, all_texts, check_readable

GIB = 2**30
# Models and settings with which vLLM starts.
WORKING: list[dict[str, Any]] = [
    {},
    {"model": "SmolLM2-135M", "device_memory": "192GiB", "prompt": 1, "output": 1},
    {"model": "Llama-3.1-8B-Instruct", "device_memory": "80GiB", "prompt": 65_536, "output": 65_536},
    {"model": "Llama-3.1-70B", "device_memory": "80GB", "tensor_parallel_size": 4, "max_model_len": 32_768},
    {"model": "Qwen2.5-7B-Instruct", "kv_cache_dtype": "int8_per_token_head", "gpu_memory_utilization": 0.925},
    {"model": "gemma-2-9b-it", "device_memory": "48GiB", "block_size": 32},
    {"model": "DeepSeek-V2-Lite-Chat", "device_memory": "40GiB", "max_model_len": 20_000, "kv_cache_dtype": "fp8"},
    {"model": "Mistral-7B-v0.1", "output": 4_000, "kv_cache_dtype": "int4_per_token_head"},
    {"model": "gpt-oss-20b", "weights": "12.8GiB"},
]
WEIGHTS = "gpu_memory_utilization must be above 94.495, the share of weights and other memory (755.96 GiB), got 0.92"
LENGTH = "max_model_len 131,072 does not fit: at most 58,320 tokens. It needs 8,193 blocks"
BEYOND = "max_model_len must be at most 8192, the length of HuggingFaceTB/SmolLM2-1.7B-Instruct, got 9000"
SUM = "prompt and output must be at most max_model_len (8192) in sum, got (9000, 256)"
HEADS = "tensor_parallel_size must be a divisor of the 32 attention heads, got 3"
QUANTISED = "weights must be given as a size, since those of openai/gpt-oss-20b are quantised, got None"
# What cannot work: settings, the sentence, and the bars of the picture.
IMPOSSIBLE = [
    ({"model": "Llama-3.1-405B-Instruct", "device_memory": "8GiB"}, WEIGHTS, {"needed", "device"}),
    ({"model": "Llama-3.1-8B-Instruct"}, LENGTH, {"needed", "device"}),
    ({"max_model_len": 9000}, BEYOND, {"device"}),
    ({"prompt": 9000}, SUM, {"device"}),
    ({"tensor_parallel_size": 3}, HEADS, set()),
    ({"model": "gpt-oss-20b"}, QUANTISED, set()),
]


def trial_of(
    model: str = "SmolLM2-1.7B-Instruct", device_memory: str = "24GiB", weights: str | None = None, **settings: Any
) -> Trial:
    num_bytes = None if weights is None else parse_size(weights)
    shape = load_model_shape(model)
    return attempt(TrialSettings(shape=shape, device_memory=device_memory, weights=num_bytes, **settings))


def calculator(**settings: Any) -> SizingCalculator:
    made = show_sizing(**settings, interactive=True)
    assert isinstance(made, SizingCalculator)
    return made


def widths(figure: Figure) -> dict[str, float]:
    """Returns the widths of bars by their gid."""
    return {patch.get_gid(): patch.get_width() for patch in figure.findobj(Rectangle) if patch.get_gid()}


def words(figure: Figure) -> str:
    """Returns all texts of a picture; lines that were too long are put together again."""
    return re.sub(r"\s+", " ", " | ".join(text.get_text() for text in all_texts(figure)))


def worked_out(
    model: str = "SmolLM2-1.7B-Instruct",
    device_memory: str = "24GiB",
    gpu_memory_utilization: float = 0.92,
    max_model_len: int | None = None,
    prompt: int = 512,
    output: int = 256,
    weights: str | None = None,
    **layout_options: Any,
) -> tuple[DeviceMemory, KVCacheCapacity, int, float]:
    """Returns device, capacity and requests, straight from the sizing classes."""
    layout = KVCacheLayout(shape=load_model_shape(model), **layout_options)
    total, given = parse_size(device_memory), None if weights is None else parse_size(weights)
    each = weights_per_device(layout, given)
    device = DeviceMemory(total=total, weights=each, gpu_memory_utilization=gpu_memory_utilization)
    length = max_model_len or layout.shape.default_max_model_len
    capacity = KVCacheCapacity(layout=layout, memory=device.kv_cache, max_model_len=length)
    lengths = prompt, output
    return device, capacity, capacity.requests_at_once(*lengths), capacity.requests_on_average(*lengths)


@pytest.mark.parametrize("settings", WORKING)
def test_the_picture_shows_the_numbers_of_the_sizing_classes(settings: dict[str, Any]) -> None:
    device, capacity, at_once, on_average = worked_out(**settings)
    figure = draw_sizing(trial_of(**settings))
    drawn = widths(figure)
    weights, used, rest, alone = (width for gid, width in drawn.items() if gid.startswith("device:"))
    assert weights * GIB == pytest.approx(device.weights)
    assert (used + rest) * GIB == pytest.approx(capacity.memory)
    assert alone * GIB == pytest.approx(device.total - device.requested)
    assert weights + used + rest + alone == pytest.approx(device.total / GIB)
    # One request more would not fit.
    assert rest * GIB < (used * GIB - capacity.layout.bytes_per_block) / at_once
    assert [drawn[f"requests:{y}"] for y in range(3)] == pytest.approx([at_once, on_average, capacity.max_concurrency])
    seen = words(figure)
    for label in (f"{at_once:,}", f"{on_average:,.1f}", f"{capacity.max_concurrency:.2f}x"):
        assert f"| {label} |" in f"{seen} |"
    for label in (f"weights: {format_size(device.weights)}", f"KV cache in use by {at_once:,} request"):
        assert label in seen
    assert figure.axes[0].get_xlim() == (0, pytest.approx(device.total / GIB))
    assert [axes.get_xlabel() for axes in figure.axes] == ["memory of one device (GiB)", "requests that fit at once"]


@pytest.mark.parametrize("settings", WORKING)
def test_the_text_shows_the_numbers_of_the_sizing_classes(settings: dict[str, Any]) -> None:
    _, capacity, at_once, on_average = worked_out(**settings)
    layout = capacity.layout
    text = sizing_html(trial_of(**settings))
    assert f"= {layout.bytes_per_token:,} bytes</td>" in text
    assert f"= {layout.bytes_per_block:,} bytes ({format_size(layout.bytes_per_block)})</td>" in text
    assert f" = {capacity.num_blocks:,}, of which one is the null block</td>" in text
    assert f">{capacity.num_tokens:,}, as vLLM logs them with a concurrency of " in text
    assert f"of {capacity.max_concurrency:.2f}x for max_model_len {capacity.max_model_len:,}</td>" in text
    assert f">{at_once:,} of " in text
    assert f" to their end, {on_average:,.1f} on average" in text
    assert text.count("<details>") == text.count("</details>") == 1
    for question in (
        "How many of my requests fit at once?",
        "Which gpu_memory_utilization?",
        "(#22291, #18121, #21348)",
    ):
        assert question in text


@pytest.mark.parametrize("model", [preset.short_name for preset in presets()])
@pytest.mark.parametrize("dtype", ["auto", "fp8", "int4_per_token_head"])
def test_products_are_right(model: str, dtype: str) -> None:
    trial = trial_of(model, kv_cache_dtype=dtype)
    rows = sizing_rows(trial)
    for name, product in list(rows.items())[:2]:
        factors, result = product.split(" = ")
        # What is left are the numbers, "x", "+" and brackets.
        plain = re.sub(r"\(a latent.*?\)|[a-zKV_ ,](?!\.)", lambda m: "*" if m[0] == "x" else "", factors)
        assert math.isclose(eval(plain), int(result.split()[0].replace(",", ""))), (name, product)
    expected = KVCacheLayout(shape=load_model_shape(model), kv_cache_dtype=dtype)
    assert rows["Bytes per token"].endswith(f" = {expected.bytes_per_token:,} bytes")
    assert ("2 x " in rows["Bytes per token"]) != expected.shape.uses_mla


def test_the_product_counts_what_one_of_several_devices_holds() -> None:
    rows = sizing_rows(trial_of("Llama-3.1-8B", tensor_parallel_size=4))
    assert rows["Bytes per token on each device"] == "2 x 32 layers x 2 KV heads x 128 x 2 bytes = 32,768 bytes"
    assert rows["Bytes per block on each device"] == "16 tokens x 32,768 bytes = 524,288 bytes (512 KiB)"
    assert "on 4 devices of 24 GiB each" in sizing_html(trial_of("Llama-3.1-8B", tensor_parallel_size=4))


CHANGES = [
    ("model", "SmolLM2-360M-Instruct", "model"),
    ("device_memory", "48GiB", "device_memory"),
    ("weights", 6, "weights"),
    ("gpu_memory_utilization", 0.5, "gpu_memory_utilization"),
    ("tensor_parallel_size", 2, "tensor_parallel_size"),
    ("kv_cache_dtype", "fp8", "kv_cache_dtype"),
    ("block_size", 128, "block_size"),
    ("prompt", 1000, "prompt"),
    ("output", 100, "output"),
    ("max_model_len", 2048, "max_model_len"),
]


@pytest.mark.parametrize(("control", "value", "argument"), CHANGES)
def test_each_control_changes_picture_and_text(control: str, value: Any, argument: str) -> None:
    shown = calculator()
    start = shown.text.value, shown.picture.value
    first = getattr(shown, control).value
    getattr(shown, control).value = value
    trial = trial_of(**{argument: f"{value}GiB" if control == "weights" else value})
    assert (shown.text.value, shown.picture.value) == (sizing_html(trial), png(draw_sizing(trial, sentences=False)))
    assert shown.text.value != start[0]
    assert shown.picture.value != start[1]
    getattr(shown, control).value = first
    assert (shown.text.value, shown.picture.value) == start


def test_controls_start_with_the_arguments_and_offer_the_usual() -> None:
    shown = calculator(
        model="qwen2.5-coder-7b", device_memory="20 GB", gpu_memory_utilization=0.925, max_model_len=3000,
        prompt=2**21, output=7, kv_cache_dtype="float32", block_size=24, tensor_parallel_size=128,
    )  # fmt: skip
    assert shown.model.value == "Qwen2.5-7B-Instruct"
    assert set(shown.model.options) == {preset.short_name for preset in presets()}
    assert shown.device_memory.value == "20 GB"
    assert shown.device_memory.options.index("20 GB") == shown.device_memory.options.index("24GiB") - 1
    assert (shown.gpu_memory_utilization.value, shown.max_model_len.value) == (0.925, 3000)
    assert (shown.prompt.value, shown.output.value, shown.tensor_parallel_size.value) == (2**21, 7, 128)
    assert (shown.kv_cache_dtype.value, shown.block_size.value) == ("float32", 24)
    usual = calculator(device_memory="24 gib")
    assert usual.device_memory.options == (
        "8GiB", "12GiB", "16GiB", "24 gib", "32GiB", "40GiB", "48GiB", "64GiB", "80GiB", "96GiB", "141GiB", "192GiB",
    )  # fmt: skip
    assert usual.kv_cache_dtype.options == (
        "auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2",
        "int8_per_token_head", "fp8_per_token_head", "int4_per_token_head",
    )  # fmt: skip
    assert len(set(usual._shapes)) == len(presets())


@pytest.mark.parametrize("settings", WORKING)
def test_the_calculator_shows_what_the_still_picture_shows(settings: dict[str, Any]) -> None:
    shown = calculator(**settings)
    assert shown.trial == trial_of(**settings)
    assert shown.picture.layout.display is None


@pytest.mark.parametrize(("settings", "sentence", "bars"), IMPOSSIBLE)
def test_what_cannot_work_is_said_and_the_controls_recover(
    settings: dict[str, Any], sentence: str, bars: set[str]
) -> None:
    shown = calculator()
    start = shown.text.value, shown.picture.value
    defaults = {name: getattr(shown, name).value for name in settings}
    for name, value in settings.items():
        getattr(shown, name).value = value
    assert f"<p>⚠ {sentence}" in shown.text.value
    assert "Requests at once" not in shown.text.value
    assert shown.picture.layout.display == (None if bars else "none")
    still = show_sizing(**settings, interactive=False)
    assert sentence in words(still)
    assert {gid.split(":")[0] for gid in widths(still)} == bars
    bundle = shown._repr_mimebundle_()
    assert bundle["image/png"] == b64encode(png(still)).decode()
    assert sentence in bundle["text/plain"]
    for name, value in defaults.items():
        getattr(shown, name).value = value
    assert (shown.text.value, shown.picture.value) == start
    assert shown.picture.layout.display is None


def test_one_request_is_said_in_the_singular() -> None:
    trial = trial_of("Llama-3.1-8B-Instruct", "40GiB", prompt=131_071, output=1)
    assert trial.requests_at_once == 1
    assert "on 40 GiB: 1 request of 131,071 + 1 tokens at once" in sizing_html(trial)
    assert "KV cache in use by 1 request: 16 GiB" in words(draw_sizing(trial))


def test_weights_stand_against_the_device() -> None:
    trial = trial_of("Llama-3.1-405B-Instruct", "8GiB")
    drawn = {gid: round(width * GIB) for gid, width in widths(draw_sizing(trial)).items()}
    device = DeviceMemory(total=8 * GIB, weights=0)
    layout = KVCacheLayout(shape=load_model_shape("Llama-3.1-405B-Instruct"))
    assert drawn == {
        "needed:weights": weights_per_device(layout),
        "needed:KV cache of one request of 131,072 tokens": layout.memory_for_max_model_len(131_072),
        "device:what vLLM takes": device.requested,
        "device:left alone by vLLM (1 - 0.92)": device.total - device.requested,
    }


def test_a_length_that_does_not_fit_stands_against_the_kv_cache() -> None:
    trial = trial_of("Llama-3.1-8B-Instruct")
    figure = draw_sizing(trial)
    drawn = {gid: round(width * GIB) for gid, width in widths(figure).items()}
    assert drawn["device:KV cache"] == trial.device.kv_cache
    assert drawn["needed:KV cache of one request of 131,072 tokens"] == trial.layout.memory_for_max_model_len(131_072)
    assert drawn["needed:weights"] == drawn["device:weights"] == trial.weights
    assert words(figure).count("weights") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": 7}, "model must be the name or the path of a model, got 7"),
        ({"model": "no such"}, "There is no model 'no such'"),
        ({"device_memory": 24}, "device_memory must be a size such as 24GiB, got 24"),
        ({"device_memory": "24G"}, r"device_memory must be a size such as 24GiB \(x 2\*\*30\), .*, got '24G'"),
        ({"weights": 7}, "weights must be a size such as 14GB, or None, got 7"),
        ({"weights": "7G"}, r"weights must be a size such as 24GiB .*, got '7G'"),
        ({"device_memory": "0GiB"}, "device_memory must be above 0, got '0GiB'"),
        ({"gpu_memory_utilization": 1.5}, r"gpu_memory_utilization must be a number in \[0, 1\], got 1.5"),
        ({"gpu_memory_utilization": 0}, "gpu_memory_utilization must be above 0, got 0"),
        ({"max_model_len": 0}, "max_model_len must be an integer of at least 1, got 0"),
        ({"prompt": 0}, "prompt must be an integer of at least 1, got 0"),
        ({"output": 1.0}, "output must be an integer of at least 1, got 1.0"),
        ({"kv_cache_dtype": "int3"}, "kv_cache_dtype must be auto or one of .*, got 'int3'"),
        ({"block_size": "16"}, "block_size must be an integer of at least 1, got '16'"),
        ({"tensor_parallel_size": True}, "tensor_parallel_size must be an integer of at least 1, got True"),
        ({"interactive": 1}, "interactive must be True, False or None, got 1"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        show_sizing(**arguments)


def test_a_still_picture_where_no_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    still = show_sizing()
    assert isinstance(still, Figure)
    assert "Bytes per token: 2 x 24 layers x 32 KV heads x 64 x 2 bytes = 196,608 bytes" in words(still)
    assert still._repr_png_() == png(draw_sizing(trial_of()))
    notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None))
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    assert isinstance(show_sizing(), SizingCalculator)
    assert isinstance(show_sizing(interactive=False), Figure)
    monkeypatch.setattr("paged_sim.drawing.notebook.find_spec", lambda _name: None)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert isinstance(show_sizing(), Figure)
    with pytest.raises(ValueError, match="interactive must be False or None without ipywidgets, got True"):
        show_sizing(interactive=True)


def test_the_calculator_carries_a_still_picture_of_its_settings_along() -> None:
    shown = calculator()
    before = shown._repr_mimebundle_()
    assert before["image/png"].startswith("iVBOR")
    assert "model_id" in before["application/vnd.jupyter.widget-view+json"]
    name = "HuggingFaceTB/SmolLM2-1.7B-Instruct on 24 GiB: 134 requests of 512 + 256 tokens at once"
    assert before["text/plain"] == repr(shown) == f"SizingCalculator({name})"
    shown.prompt.value = 256
    after = shown._repr_mimebundle_()
    assert after["image/png"] != before["image/png"]
    assert "256 + 256 tokens" in after["text/plain"]


def test_the_model_may_be_a_folder_and_its_name_is_shown_as_text(tmp_path: Any) -> None:
    folder = tmp_path / r"<b>model & co $\frac$"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, '
        '"hidden_size": 64, "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}'
    )
    (folder / "model.safetensors").write_bytes(b"0" * 1024)
    shown = calculator(model=str(folder))
    assert shown.model.value == shown.model.options[-1] == str(folder)
    assert r"&lt;b&gt;model &amp; co $\frac$ on 24 GiB: " in shown.text.value
    assert "<b>model" not in shown.text.value
    assert shown._repr_mimebundle_()["image/png"].startswith("iVBOR")
    shown.model.value = "Qwen3-0.6B"
    assert "Qwen/Qwen3-0.6B on 24 GiB" in shown.text.value
    shown.model.value = str(folder)
    assert "2 x 2 layers x 2 KV heads x 16 x 2 bytes = 256 bytes" in shown.text.value


ALL = [*WORKING, *(settings for settings, _, _ in IMPOSSIBLE)]


@pytest.mark.parametrize("sentences", [True, False])
@pytest.mark.parametrize("settings", ALL)
def test_all_texts_can_be_read(settings: dict[str, Any], sentences: bool) -> None:
    figure = draw_sizing(trial_of(**settings), sentences=sentences)
    png(figure)
    for axes in figure.axes:
        for tick in axes.xaxis.get_major_ticks():
            # matplotlib keeps labels beyond the ends, which it does not draw.
            tick.label1.set_visible(axes.get_xlim()[0] <= tick.get_loc() <= axes.get_xlim()[1])
    check_readable(figure)


@pytest.mark.parametrize("device_memory", ["24GiB", "1GiB"])
def test_a_long_name_stays_inside_the_picture(device_memory: str) -> None:
    shape = replace(load_model_shape("SmolLM2-1.7B-Instruct"), name="/a/folder/with-a-name" * 12)
    figure = draw_sizing(attempt(TrialSettings(shape=shape, device_memory=device_memory)))
    png(figure)
    extents = [text.get_window_extent() for text in (figure._suptitle, *figure.axes[0].get_legend().get_texts())]
    assert max(extent.x1 for extent in extents) <= figure.bbox.width
    assert max(extent.y1 for extent in extents) <= figure.bbox.height


@pytest.mark.parametrize("settings", [ALL[0], ALL[-5], ALL[-1]])
def test_pictures_look_the_same_in_any_style_and_change_none(settings: dict[str, Any]) -> None:
    before, trial = dict(mpl.rcParams), trial_of(**settings)
    figure = draw_sizing(trial)
    assert dict(mpl.rcParams) == before
    with plt.style.context(["dark_background", OTHER_STYLE]):
        image_in_other_style, made_in_other_style = png(figure), draw_sizing(trial)
    assert png(made_in_other_style) == image_in_other_style
    assert plt.get_fignums() == []
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    assert figure.get_figwidth() == 9
