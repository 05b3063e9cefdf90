"""The data of the pictures: rectangles, heights, texts, colours; and that all can be read."""

import importlib.util
import re
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from paged_sim import KVCacheManager, SchedulerConfig
from paged_sim.drawing.animation import animate, animation_html, save_gif
from paged_sim.drawing.block_map import draw_block_map
from paged_sim.drawing.figure import png
from paged_sim.drawing.growth_plot import GrowthSeries, draw_growth
from paged_sim.drawing.latency_plot import LoadSeries, draw_latency
from paged_sim.drawing.memory_plot import MemoryUse, draw_memory, draw_memory_of_systems, memory_use
from paged_sim.drawing.palette import COLOURS, line_styles, request_colours, tint
from paged_sim.drawing.recorder import take_snapshot
from paged_sim.drawing.slot_classes import SLOT_CLASSES
from paged_sim.drawing.slot_map import draw_slot_map
from paged_sim.drawing.snapshot import BlockState, Snapshot
from paged_sim.drawing.stage import Stage, short_name
from paged_sim.drawing.stepper import Stepper, show_steps
from paged_sim.drawing.stills import draw_steps
from paged_sim.drawing.waste_bars import draw_waste_bars
from paged_sim.paper.contiguous_cache import ContiguousCache, SlotUse
from paged_sim.paper.reservation import reserve_pow2
from paged_sim.simulation.run import Recording, TimelinePoint
from paged_sim.simulation.simulate import simulate
from tests.paged_sim.recordings import crowded, eventful, request

EVENTFUL = eventful()
STAGE = Stage.of(EVENTFUL)
WASTE = [
    {"system": "orca_max", "used": 20.2, "reserved": 13.4, "internal": 57.5, "external": 8.9},
    {"system": "vllm", "used": 97.3, "reserved": 0.0, "internal": 1.6, "external": 1.1},
    {"system": "blocks of 64", "used": 90, "reserved": 0, "internal": 9, "external": 1},
]
TIMELINE = [TimelinePoint(0, 0, 9, 2, 1, 3, 7), TimelinePoint(1, 2 * 10**12, 2, 2, 0, 4, 21)]
LOAD = [LoadSeries("slow", [1, 2], [0.1, 3.0], [50, 60]), LoadSeries("fast", [1, 2, 4], [0.1, 0.2, 0.5], [50, 99, 150])]
GROWTH = [GrowthSeries("without", [1, 10, 100], [5, 50, 5000]), GrowthSeries("with", [10, 1, 10, 10], [7, 1, 3, 4])]


def contiguous() -> ContiguousCache:
    cache = ContiguousCache(200, reserve_pow2, 128)
    for name, prompt, output in (("A", 20, 10), ("B", 30, 13), ("C", 4, 3)):
        assert cache.admit(name, prompt, output)
    cache.grow("A", 4)
    return cache


PICTURES: dict[str, Callable[[], Figure]] = {
    "block map": lambda: draw_block_map(EVENTFUL[9]),
    "steps": lambda: draw_steps(EVENTFUL, [5, 12]),
    "memory": lambda: draw_memory(TIMELINE, num_blocks=13, block_size=16),
    "systems": lambda: draw_memory_of_systems(
        {"a": memory_use(TIMELINE, 13), "b": MemoryUse([0, 1], [50, 60], [1, 2])}
    ),
    "waste": lambda: draw_waste_bars(WASTE),
    "latency": lambda: draw_latency(LOAD, log=True),
    "growth": lambda: draw_growth(GROWTH),
    "slots": lambda: draw_slot_map(contiguous()),
}


def parts(figure: Figure, start: str) -> dict[str, Rectangle]:
    """Returns the rectangles whose gid starts so, by the rest of it."""
    found = [patch for patch in figure.findobj(Rectangle) if (patch.get_gid() or "").startswith(start)]
    return {patch.get_gid().removeprefix(start): patch for patch in found}


def texts(figure: Figure, start: str = "") -> dict[str, str]:
    found = [text for text in figure.findobj(Text) if (text.get_gid() or "").startswith(start) and text.get_gid()]
    return {text.get_gid().removeprefix(start): text.get_text() for text in found}


def all_texts(figure: Figure) -> Iterator[Text]:
    return (text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip())


@pytest.mark.parametrize("snapshot", EVENTFUL, ids=lambda snapshot: f"step {snapshot.step}")
def test_every_block_is_drawn_as_it_is(snapshot: Snapshot) -> None:
    figure = draw_block_map(snapshot, stage=STAGE, queues=False, sentences=False, tables=False)
    frames, fills, rooms = (parts(figure, f"{part}:") for part in ("frame", "fill", "room"))
    assert list(map(int, frames)) == list(range(13))
    lines = [segment for group in figure.axes[0].collections for segment in group.get_segments()]
    separators = [segment.mean(axis=0) for segment in lines]
    owners = {f"{block.block_id}:{owner}" for block in snapshot.blocks for owner in block.owners}
    assert fills.keys() == owners
    for block in snapshot.blocks:
        frame = frames[str(block.block_id)]
        is_new = block.block_id in snapshot.new_block_ids
        assert (frame.get_linewidth() > 1) == is_new
        stripes = [fills[f"{block.block_id}:{owner}"] for owner in block.owners]
        for owner, stripe in zip(block.owners, stripes, strict=True):
            assert stripe.get_width() == pytest.approx(frame.get_width() * block.filled_slots / 4)
            assert to_hex(stripe.get_facecolor()) == STAGE.colours[owner].lower()
            assert stripe.get_height() == pytest.approx(stripes[0].get_height())
        for upper, lower in pairwise(stripes):
            assert upper.get_y() + upper.get_height() == pytest.approx(lower.get_y())
        if stripes:
            assert stripes[-1].get_y() + stripes[-1].get_height() == pytest.approx(frame.get_y() + frame.get_height())
        borders = [
            x for x, y in separators if frame.get_y() < y < frame.get_y() + frame.get_height() if frame.get_x() < x
        ]
        inside = [x for x in borders if x < frame.get_x() + frame.get_width()]
        places = [frame.get_x() + frame.get_width() * part / 4 for part in (1, 2, 3)] if block.owners else []
        assert inside == pytest.approx(places)
    assert rooms.keys() == {name for name in owners if snapshot.blocks[int(name.split(":")[0])].filled_slots < 4}
    for name, room in rooms.items():
        assert to_hex(room.get_facecolor()) == tint(STAGE.colours[name.split(":")[1]])


def test_states_without_owner_look_different() -> None:
    figure = draw_block_map(EVENTFUL[9])
    for state in (BlockState.NULL, BlockState.CACHED, BlockState.FREE):
        drawn = parts(figure, f"{state.value}:")
        assert set(map(int, drawn)) == {block.block_id for block in EVENTFUL[9].blocks if block.state is state}
        assert all(bool(patch.get_hatch()) == (state is BlockState.CACHED) for patch in drawn.values())
    assert to_hex(parts(figure, "null block:")["0"].get_facecolor()) != "#ffffff"
    assert parts(figure, "free, contents cached:").keys() == {"3", "7", "8", "11"}


def test_labels_of_blocks() -> None:
    figure = draw_block_map(EVENTFUL[9], stage=STAGE)
    ids, owners = texts(figure, "id:"), texts(figure, "owner:")
    assert {name: text.removesuffix("#") for name, text in ids.items()} == {str(i): str(i) for i in range(13)}
    assert {int(name) for name, text in ids.items() if text.endswith("#")} == set(EVENTFUL[9].cached_block_ids)
    assert {owners[i] for i in "12"} == {"×2"}
    assert (owners["0"], owners["4"], owners["6"]) == ("null", "B", "D")
    assert not {"3", "7", "8", "11"} & owners.keys()


def test_tables_queues_title_and_sentences() -> None:
    snapshot = EVENTFUL[5]
    figure = draw_block_map(snapshot, stage=STAGE)
    for request_id, block_ids, num_tokens in snapshot.tables:
        row = parts(figure, f"table:{request_id}:frame:")
        assert tuple(map(int, row)) == block_ids
        assert [patch.get_x() for patch in row.values()] == sorted(patch.get_x() for patch in row.values())
        assert f"{num_tokens} tokens" in [text.get_text() for text in all_texts(figure)]
    assert texts(figure)["title"] == "Step 5: 11 of 12 blocks in use, 3 running, 2 waiting"
    assert texts(figure)["Waiting, next first:"] == "D, E"
    assert texts(figure)["Free blocks, next first:"] == "10"
    lines = [text.get_text() for text in all_texts(figure) if text.get_gid() == "sentence"]
    assert lines == list(snapshot.sentences)
    assert parts(figure, "legend:").keys() >= {"A", "B", "C", "D", "E", "free", "null block"}
    bare = draw_block_map(snapshot, stage=STAGE, queues=False, sentences=False, tables=False)
    assert not parts(bare, "table:")
    assert not {"sentence", "Waiting, next first:"} & texts(bare).keys()
    assert bare.get_figheight() < figure.get_figheight()


def test_long_tables_and_queues_are_shortened() -> None:
    snapshot = crowded(121, 1, 4, 200)[0]
    figure = draw_block_map(snapshot)
    row = list(map(int, parts(figure, "table:r0:frame:")))
    assert row[:3] == [1, 2, 3]
    assert row[-2:] == [49, 50]
    assert len(row) < 20
    assert texts(figure)["Free blocks, next first:"].endswith("… (70 in all)")
    assert (short_name("c0000012-3"), short_name("conversation-0012-3")) == ("c0000012-3", "…tion-0012-3")


def test_a_request_keeps_its_colour_and_pictures_their_size() -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    heights = set()
    for snapshot in (EVENTFUL[0], EVENTFUL[3], EVENTFUL[9], EVENTFUL[12]):
        figure = draw_block_map(snapshot, stage=STAGE)
        heights.add(figure.get_figheight())
        for name, patch in (parts(figure, "fill:") | parts(figure, "legend:")).items():
            seen[name.split(":")[-1]].add(to_hex(patch.get_facecolor()))
    requests = [seen[name] for name in "ABCDE"]
    assert all(len(colours) == 1 for colours in requests)
    assert len(set.union(*requests)) == 5
    assert len(heights) == 1


# Machado, Oliveira and Fernandes (2009), severity 1: protanopia, deuteranopia, tritanopia, on linear RGB.
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab(colour: str, eyes: Any) -> np.ndarray:
    """Returns a colour in CIE Lab, as these eyes see it."""
    rgb = np.array(to_rgb(colour))
    linear = np.clip(np.asarray(eyes) @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.180437], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", COLOUR_BLINDNESS.values(), ids=COLOUR_BLINDNESS)
def test_colours_stay_apart_for_colour_blind_eyes(eyes: Any) -> None:
    for colours, least in ((COLOURS, 16), ([look.colour for look in SLOT_CLASSES.values()], 16)):
        seen = [lab(colour, eyes) for colour in colours]
        assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) >= least


def test_palette() -> None:
    names = [f"r{index}" for index in range(14)]
    colours = request_colours(names)
    assert list(colours) == names
    assert len({colours[name] for name in names[:12]}) == 12
    assert colours["r12"] == colours["r0"]
    assert (tint("#000000", 0.25), tint("#FF0000", 0.0)) == ("#bfbfbf", "#ffffff")
    looks = [next(styles) for styles in [line_styles()] for _ in range(12)]
    assert len(set(looks)) == 12
    assert len({look.color for look in looks[:8]}) == 8


@pytest.mark.parametrize(
    ("num_blocks", "num_requests", "block_size", "prompt"),
    [(13, 1, 4, 5), (13, 3, 4, 5), (41, 12, 4, 3), (41, 6, 16, 20), (201, 12, 16, 150)],
)
def test_all_texts_can_be_read(num_blocks: int, num_requests: int, block_size: int, prompt: int) -> None:
    snapshots = crowded(num_blocks, num_requests, block_size, prompt)
    check_readable(draw_block_map(snapshots[len(snapshots) // 2]))


@pytest.mark.parametrize("index", [0, 5])
def test_all_texts_of_a_recording_can_be_read(index: int) -> None:
    check_readable(draw_block_map(EVENTFUL[index], stage=STAGE))


def check_readable(figure: Figure) -> None:
    """Fails if a text lies over another or goes beyond the picture."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = np.array([text.get_window_extent(renderer).extents for text in all_texts(figure)])
    left, bottom, right, top = boxes.T
    assert left.min() >= 0
    assert right.max() <= figure.bbox.width
    assert bottom.min() >= 0
    assert top.max() <= figure.bbox.height
    wide = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    high = np.minimum.outer(top, top) - np.maximum.outer(bottom, bottom)
    # Boxes of text contain the empty room of letters that go further up or down.
    overlaps = (wide > 0.5) & (high > 2.5)
    assert np.argwhere(np.triu(overlaps, 1)).tolist() == []


OTHER_STYLE = {
    "savefig.facecolor": "black",
    "savefig.edgecolor": "red",
    "legend.labelcolor": "red",
    "legend.frameon": True,
    "legend.fontsize": 20,
    "axes.grid": True,
    "grid.color": "red",
    "axes.linewidth": 5,
    "axes.spines.top": True,
    "axes.labelsize": 20,
    "font.size": 20,
    "font.family": "serif",
    "figure.dpi": 50,
    "lines.linewidth": 9,
    "lines.markersize": 20,
    "hatch.linewidth": 5,
    "patch.linewidth": 5,
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_look_the_same_in_any_style_and_change_none(name: str) -> None:
    assert plt.get_fignums() == []
    before = dict(mpl.rcParams)
    figure = PICTURES[name]()
    assert isinstance(figure, Figure)
    assert dict(mpl.rcParams) == before
    with plt.style.context(["dark_background", OTHER_STYLE]):
        image_in_other_style, made_in_other_style = figure._repr_png_(), PICTURES[name]()
    assert png(made_in_other_style) == image_in_other_style
    assert plt.get_fignums() == []
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    assert figure.get_figwidth() == 9
    left, bottom, right, top = figure.get_tightbbox().extents.round(6)
    assert min(left, bottom) >= 0
    assert right <= figure.get_figwidth()
    assert top <= figure.get_figheight()


def test_what_cannot_be_drawn_is_refused() -> None:
    large = take_snapshot(KVCacheManager(513), [])
    with pytest.raises(ValueError, match="num_blocks must be at most 512, so that ids can be read, got 513"):
        draw_block_map(large)
    with pytest.raises(ValueError, match=r"snapshots must be at least one, got \[\]"):
        animate([])
    small = take_snapshot(KVCacheManager(5), [])
    with pytest.raises(ValueError, match=r"num_blocks must be the same in all snapshots, got \[5, 13\]"):
        draw_steps([*EVENTFUL, small])
    with pytest.raises(ValueError, match="num_blocks of the stage must be 13, got 5"):
        draw_block_map(EVENTFUL[0], stage=Stage.of([small]))
    with pytest.raises(ValueError, match=r"requests of the snapshot must be known to the stage, got \['C'\]"):
        draw_block_map(EVENTFUL[1], stage=Stage.of(EVENTFUL[:1]))
    narrow = replace(STAGE, num_tables=2)
    with pytest.raises(ValueError, match="running requests must be at most the 2 of the stage, got 4"):
        draw_block_map(EVENTFUL[3], stage=narrow)
    with pytest.raises(ValueError, match=r"indices must be in \[0, 13\), got 13"):
        draw_steps(EVENTFUL, [0, 13])
    with pytest.raises(ValueError, match="seconds_per_step must be above 0, got 0"):
        animate(EVENTFUL, seconds_per_step=0)


def titles(figure: Figure) -> list[str]:
    return [text.get_text().split(":")[0] for text in all_texts(figure) if text.get_gid() == "title"]


def test_steps_of_a_still_picture() -> None:
    assert titles(draw_steps(EVENTFUL)) == ["Step 0", "Step 4", "Step 8", "Step 12"]
    assert titles(draw_steps(EVENTFUL, [5, 2])) == ["Step 5", "Step 2"]
    assert titles(draw_steps(EVENTFUL[:2])) == ["Step 0", "Step 1"]


def test_a_gif_shows_every_step(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    save_gif(EVENTFUL[4:7], path, seconds_per_step=0.5)
    with Image.open(path) as film:
        assert film.n_frames == 3
        assert film.info["duration"] == 500
        frames = [np.asarray(film.convert("RGB")) for index in range(3) if film.seek(index) is None]
    assert not np.array_equal(frames[0], frames[1])
    assert tuple(frames[0][0, 0]) == (255, 255, 255)


def test_html_holds_every_step_in_any_style() -> None:
    images = re.compile('base64,([^"]+)"')
    expected = images.findall(animation_html(EVENTFUL[:2]))
    assert len(set(expected)) == 2
    with plt.style.context(["dark_background", OTHER_STYLE]):
        assert images.findall(animation_html(EVENTFUL[:2])) == expected


def test_the_animation_draws_the_step_that_is_asked_for() -> None:
    film = animate(EVENTFUL)
    for index in (5, 0):
        with plt.style.context(OTHER_STYLE):
            film._draw_frame(index)
        assert png(film._fig) == png(draw_block_map(EVENTFUL[index], stage=STAGE))
    film._draw_was_started = True


def test_the_stepper_walks() -> None:
    stepper = Stepper(EVENTFUL)
    first = stepper.picture.value
    assert first == png(draw_block_map(EVENTFUL[0], stage=STAGE, sentences=False))
    assert stepper.text.value.startswith("<ul><li>A is admitted: 12 tokens computed in new blocks 1-3.</li>")
    assert (stepper.previous.disabled, stepper.next.disabled) == (True, False)
    stepper.slider.value = 11
    assert stepper.picture.value == png(draw_block_map(EVENTFUL[11], stage=STAGE, sentences=False))
    assert "B and D have all tokens" in stepper.text.value
    stepper.next.click()
    assert (stepper.slider.value, stepper.play.value) == (12, 12)
    stepper.previous.click()
    assert stepper.slider.value == 11
    stepper.play.value = 12
    assert stepper.slider.value == 12
    assert "All requests have ended." in stepper.text.value
    assert (stepper.previous.disabled, stepper.next.disabled) == (False, True)
    stepper.next.click()
    assert stepper.slider.value == 12
    stepper.slider.value = 0
    assert stepper.picture.value == first


def test_the_stepper_shows_text_as_text() -> None:
    snapshot = take_snapshot(KVCacheManager(4), [], sentences=["1 < 2 & <b>"])
    assert Stepper([snapshot]).text.value == "<ul><li>1 &lt; 2 &amp; &lt;b&gt;</li></ul>"


def test_the_stepper_carries_a_still_picture_along() -> None:
    bundle = Stepper(EVENTFUL[:2])._repr_mimebundle_()
    assert bundle["text/plain"] == "Stepper(2 steps)"
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    assert bundle["image/png"] == b64encode(png(draw_steps(EVENTFUL[:2]))).decode()
    chosen = Stepper(EVENTFUL, still_indices=[4, 6])._repr_mimebundle_()["image/png"]
    assert chosen == b64encode(png(draw_steps(EVENTFUL, [4, 6]))).decode()


def test_a_still_picture_where_no_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    still = show_steps(EVENTFUL, indices=[1])
    assert isinstance(still, Figure)
    assert titles(still) == ["Step 1"]
    notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None))
    terminal = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    stepper = show_steps(EVENTFUL, indices=[4])
    assert isinstance(stepper, Stepper)
    assert stepper._repr_mimebundle_()["image/png"] == b64encode(png(draw_steps(EVENTFUL, [4]))).decode()
    assert isinstance(show_steps(EVENTFUL, interactive=False), Figure)
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert isinstance(show_steps(EVENTFUL), Figure)


def test_a_still_picture_without_ipywidgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paged_sim.drawing.notebook.find_spec", lambda _name: None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None)))
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert isinstance(show_steps(EVENTFUL), Figure)
    with pytest.raises(ValueError, match="interactive must be False or None without ipywidgets, got True"):
        show_steps(EVENTFUL, interactive=True)


def bars(figure: Figure) -> dict[str, float]:
    """Returns the heights of bars by their gid."""
    return {patch.get_gid(): patch.get_height() for patch in figure.findobj(Rectangle) if patch.get_gid()}


def test_waste_bars_are_the_rows_and_the_printed_numbers() -> None:
    figure = draw_waste_bars(WASTE)
    heights = bars(figure)
    for row in WASTE:
        for name in SLOT_CLASSES:
            assert heights[f"{row['system']}:simulated:{name}"] == pytest.approx(row[name])
    assert [heights[f"orca_max:paper:{name}"] for name in SLOT_CLASSES] == pytest.approx([20.4, 13.3, 57.3, 8.9])
    assert [heights[f"vllm:paper:{name}"] for name in SLOT_CLASSES] == pytest.approx([96.3, 0, 0, 3.7])
    assert not any(name.startswith("blocks of 64:paper") for name in heights)
    labels = texts(figure)
    assert labels["orca_max:simulated:internal"] == "57.5"
    assert labels["orca_max:paper:internal"] == "57.3"
    assert "vllm:simulated:external" not in labels
    words = [text.get_text() for text in all_texts(figure)]
    assert {"Orca (Max)", "vLLM", "blocks of 64", "token states", "KV memory (%)"} <= set(words)
    assert (words.count("simulated"), words.count("paper")) == (3, 2)
    bottoms = [
        patch.get_y() for patch in figure.findobj(Rectangle) if (patch.get_gid() or "").startswith("orca_max:paper")
    ]
    assert bottoms == pytest.approx([0, 20.4, 33.7, 91.0])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"rows must be at least one, got \[\]"),
        ([{}], "system must be the name of a system, got None"),
        ([WASTE[0] | {"used": None}], r"used of 'orca_max' must be a number in \[0, 100\], got None"),
        ([WASTE[0] | {"used": -1}], r"used of 'orca_max' must be a number in \[0, 100\], got -1"),
        ([WASTE[0] | {"used": 30}], "shares of 'orca_max' must be 100 percent together, got 109.8"),
    ],
)
def test_bad_rows_are_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_waste_bars(rows)


def line_data(figure: Figure, axes: int, label: str) -> tuple[list[float], list[float]]:
    line = next(line for line in figure.axes[axes].lines if line.get_label() == label)
    return list(line.get_xdata()), list(line.get_ydata())


def legend_texts(figure: Figure) -> list[str]:
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def test_memory_over_time_shows_the_timeline() -> None:
    figure = draw_memory(TIMELINE, num_blocks=13, block_size=16)
    assert line_data(figure, 1, "running") == ([0, 2], [2, 2])
    assert line_data(figure, 1, "waiting") == ([0, 2], [1, 0])
    assert line_data(figure, 0, "all 12 blocks")[1] == [12, 12]
    filled, unfilled = (area.get_paths()[0].vertices for area in figure.axes[0].collections)
    assert filled[:, 1].max() == pytest.approx(4 - 21 / 16)
    assert unfilled[:, 1].max() == 4
    assert figure.axes[1].get_xlabel() == "simulated time (s)"
    assert figure.axes[0].get_ylabel() == "KV cache (blocks)"
    assert legend_texts(figure) == [
        "filled with tokens", "allocated, still empty", "all 12 blocks", "running", "waiting",
    ]  # fmt: skip


def test_memory_of_a_simulation_compared() -> None:
    config = SchedulerConfig(num_blocks=13, block_size=4, max_num_seqs=4)
    timeline = simulate([request("A", 9, 9), request("B", 3, 30)], config, recording=Recording(timeline=True)).timeline
    use = memory_use(timeline, 13)
    assert use.times_s[:2] == [0.0, 0.025]
    assert max(use.used_percent) == pytest.approx(100 * max(point.num_used_blocks for point in timeline) / 12)
    figure = draw_memory_of_systems({"paged": use, "other": MemoryUse([0, 1], [10, 20], [1, 1])})
    assert line_data(figure, 0, "paged")[1] == list(use.used_percent)
    assert line_data(figure, 1, "other") == ([0, 1], [1, 1])
    assert legend_texts(figure) == ["paged", "other"]


def test_bad_memory_is_refused() -> None:
    with pytest.raises(ValueError, match=r"timeline must be recorded: a Recording with timeline=True, got \[\]"):
        draw_memory([], num_blocks=13, block_size=16)
    with pytest.raises(ValueError, match="num_blocks must be an integer of at least 5, got 4"):
        memory_use(TIMELINE, 4)
    with pytest.raises(ValueError, match="block_size must be an integer of at least 1, got 0"):
        draw_memory(TIMELINE, num_blocks=13, block_size=0)
    with pytest.raises(ValueError, match="systems must be at least one"):
        draw_memory_of_systems({})
    with pytest.raises(ValueError, match=r"sequences of 'a' must be of one length above 0, got \[2, 1, 2\]"):
        draw_memory_of_systems({"a": MemoryUse([0, 1], [5], [1, 1])})


def test_latency_and_throughput_over_rate() -> None:
    figure = draw_latency(LOAD, most_latency_s=1.0)
    assert line_data(figure, 0, "slow") == ([1, 2], [0.1, 3.0])
    assert [list(line.get_ydata()) for line in figure.axes[1].lines] == [[50, 60], [50, 99, 150]]
    assert figure.axes[0].get_ylim() == (0, 1.0)
    assert legend_texts(figure) == ["slow", "fast"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["request rate (requests/s)"] * 2
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "normalized latency (s/token)",
        "throughput (output tokens/s)",
    ]
    styles = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == 2
    alone = draw_latency([LoadSeries("one", [1], [0.5])], latency="TTFT (s)", log=True)
    assert len(alone.axes) == 1
    assert (alone.axes[0].get_yscale(), alone.axes[0].get_ylabel()) == ("log", "TTFT (s)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), r"request_rates of 'x' must be rising, got \[\]"),
        (([2, 1], [1, 1]), r"request_rates of 'x' must be rising, got \[2, 1\]"),
        (([1, 1], [1, 1]), r"request_rates of 'x' must be rising, got \[1, 1\]"),
        (([1, 2], [1]), r"latencies and throughputs of 'x' must be as many as the 2 request rates, got \(1, 2\)"),
        (([1, 2], [1, 1], [5]), r"as many as the 2 request rates, got \(2, 1\)"),
    ],
)
def test_bad_series_are_refused(arguments: Sequence[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoadSeries("x", *arguments)
    with pytest.raises(ValueError, match=r"series must be at least one, got \[\]"):
        draw_latency([])


def test_growth_goes_through_medians_and_names_its_power() -> None:
    figure = draw_growth(GROWTH, GROWTH[1:], work_label="tokens")
    assert figure.axes[0].lines[0].get_label() == "without (∝ length$^{2.0}$)"
    through, points = figure.axes[1].lines
    assert (list(through.get_xdata()), list(through.get_ydata())) == ([1, 10], [1, 4])
    assert sorted(points.get_ydata()) == [1, 3, 4, 7]
    assert through.get_label() == "with (∝ length$^{0.6}$)"
    assert [axes.get_ylabel() for axes in figure.axes] == ["tokens", "time (s)"]
    assert list(figure.axes[1].get_xticks()) == [1, 10]
    assert list(figure.axes[1].get_xticks(minor=True)) == []
    assert {(axes.get_xscale(), axes.get_yscale()) for axes in figure.axes} == {("log", "log")}
    assert GrowthSeries("x", [5], [1]).final_power() is None
    assert len(draw_growth([GrowthSeries("x", [5], [1])]).axes) == 1


def test_close_lengths_share_a_tick_and_long_names_stay_inside() -> None:
    name = "bundled model, Transformers, without a KV cache"
    lengths = [16, 32, 64, 128, 144, 192]
    figure = draw_growth([GrowthSeries(name, lengths, lengths)], [GrowthSeries(name, lengths, lengths)])
    assert list(figure.axes[0].get_xticks()) == [16, 32, 64, 128, 192]
    figure.canvas.draw()
    for axes in figure.axes:
        legend = axes.get_legend().get_window_extent()
        assert legend.y1 < axes.get_window_extent().y0
        assert 0 <= legend.x0 < legend.x1 <= figure.bbox.x1


def test_latencies_of_many_long_names_have_a_legend_inside_the_picture() -> None:
    series = [LoadSeries(f"scheduler number {n} with a long name", [1, 2], [1, 2]) for n in range(6)]
    figure = draw_latency(series)
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.x1


def test_bad_growth_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"numbers of lengths and values of 'x' must be equal and above 0, got \(1, 2\)"
    ):
        GrowthSeries("x", [1], [1, 2])
    with pytest.raises(ValueError, match="lengths and values of 'x' must be above 0, for logarithmic axes, got 0"):
        GrowthSeries("x", [1], [0])
    with pytest.raises(ValueError, match="work and seconds must be at least one series"):
        draw_growth([])


def test_the_slot_map_shows_every_slot_once() -> None:
    cache = contiguous()
    figure = draw_slot_map(cache)
    runs = parts(figure, "slots:")
    slot = max(patch.get_x() + patch.get_width() for patch in runs.values()) - min(p.get_x() for p in runs.values())
    slot /= 64
    sizes = {int(address): round(patch.get_width() / slot) for address, patch in runs.items()}
    ends = [address + size for address, size in sorted(sizes.items())]
    assert [*sorted(sizes)[1:], cache.num_slots] == ends
    free_chunks = {run.address for run in cache.slot_runs() if run.request_id is None}
    by_colour: dict[str, int] = defaultdict(int)
    for address, patch in runs.items():
        assert (to_hex(patch.get_edgecolor()) == "#ffffff") == (int(address) in free_chunks)
        by_colour[to_hex(patch.get_facecolor()).upper()] += sizes[int(address)]
    assert SlotUse(*(by_colour[look.colour] for look in SLOT_CLASSES.values())) == cache.slot_use
    assert texts(figure)["title"] == "200 slots, 3 requests, 58 slots hold a token"
    assert set(texts(figure, "name:").values()) >= {"A", "B", "free"}


def test_a_large_slot_map_has_at_most_eight_rows() -> None:
    runs = parts(draw_slot_map(ContiguousCache(15_728, reserve_pow2)), "slots:")
    rows = {round(patch.get_y(), 6) for patch in runs.values()}
    assert len(rows) == 8
    assert {int(address) % 2048 for address in runs} >= {0}


def test_no_module_of_the_package_needs_ipywidgets_to_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    spec = importlib.util.find_spec("paged_sim.drawing.stepper")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.Stepper
