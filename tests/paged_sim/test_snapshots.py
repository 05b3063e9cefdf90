"""Snapshots: what they hold is what the scheduler did; sentences; files."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim import Block, KVCacheManager, Request, SchedulerConfig, SchedulerStep
from paged_sim.drawing.recorder import RecordingScheduler, record_trace, take_snapshot
from paged_sim.drawing.sentences import id_ranges, listed
from paged_sim.drawing.snapshot import BlockState, BlockTable, Snapshot
from paged_sim.drawing.snapshot_file import load_snapshots, save_snapshots
from paged_sim.paper.forking import ForkingKVCacheManager
from paged_sim.simulation.cost_model import CostModel
from paged_sim.simulation.run import Recording
from paged_sim.simulation.simulate import simulate
from paged_sim.simulation.step_by_step import StepByStepRun
from paged_sim.workload.trace import TraceRequest
from tests.paged_sim.recordings import eventful, request


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[TraceRequest], SchedulerConfig]:
    block_size = draw(st.sampled_from([1, 3, 4]))
    num_blocks = draw(st.integers(12, 30))
    config = SchedulerConfig(
        num_blocks=num_blocks,
        block_size=block_size,
        max_num_seqs=draw(st.sampled_from([1, 3, 8])),
        max_num_batched_tokens=draw(st.sampled_from([8, 20, 100])),
        max_model_len=(num_blocks - 1) * block_size,
        enable_caching=draw(st.booleans()),
        watermark=draw(st.sampled_from([0.0, 0.2])),
        policy=draw(st.sampled_from(["fcfs", "priority"])),
    )
    longest = config.max_model_len - 10
    lengths = st.tuples(st.integers(1, max(1, longest // 2)), st.integers(1, max(1, longest // 2)), st.booleans())
    drawn = draw(st.lists(lengths, min_size=1, max_size=8))
    trace = []
    for index, (prompt, output, shared) in enumerate(drawn):
        is_short = prompt + output + 9 < config.max_model_len
        trace.append(request(f"r{index}", prompt, output, float(index), shared and is_short))
    return [one for one in trace if one.num_prompt_tokens + one.num_output_tokens <= config.max_model_len], config


@settings(max_examples=60, deadline=None, derandomize=True)
@given(runs())
def test_recorded_steps_are_those_of_the_simulation(run: tuple[list[TraceRequest], SchedulerConfig]) -> None:
    trace, config = run
    snapshots = record_trace(trace, config)
    timeline = simulate(trace, config, cost=CostModel.fixed(1.0), recording=Recording(timeline=True)).timeline
    assert len(snapshots) == len(timeline) + 1
    for snapshot, point in zip(snapshots, timeline, strict=False):
        num_unfilled = sum(len(ids) * config.block_size - computed for _, ids, computed in snapshot.tables)
        found = (snapshot.step, len(snapshot.running), len(snapshot.waiting), snapshot.num_used_blocks, num_unfilled)
        assert found == (
            point.step,
            point.num_running,
            point.num_waiting,
            point.num_used_blocks,
            point.num_unfilled_slots,
        )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(runs())
def test_blocks_agree_with_tables_and_queues(run: tuple[list[TraceRequest], SchedulerConfig]) -> None:
    for snapshot in record_trace(*run):
        blocks = snapshot.blocks
        in_use = [block for block in blocks if block.state is BlockState.IN_USE]
        free = [block for block in blocks if block.state in (BlockState.FREE, BlockState.CACHED)]
        assert len(in_use) + len(free) == snapshot.num_blocks - 1
        assert blocks[0].state is BlockState.NULL
        assert {block.block_id for block in free} == set(snapshot.free_block_ids)
        assert {block.block_id for block in blocks if block.is_cached} == set(snapshot.cached_block_ids)
        for block in in_use:
            assert block.owners == tuple(name for name, ids, _ in snapshot.tables if block.block_id in ids)
        # A token in a shared block counts once.
        places = {
            (ids[i // snapshot.block_size], i % snapshot.block_size) for _, ids, n in snapshot.tables for i in range(n)
        }
        assert sum(block.filled_slots for block in in_use) == len(places)
        for block in free:
            assert block.filled_slots == (snapshot.block_size if block.state is BlockState.CACHED else 0)
            assert block.owners == ()


class HandingOut(RecordingScheduler):
    """Writes down which blocks the pool hands out in each step."""

    def __init__(self, config: SchedulerConfig) -> None:
        super().__init__(config)
        self.handed_out: list[set[int]] = []
        get_new_blocks = self.manager.pool.get_new_blocks

        def logged(n: int) -> list[Block]:
            blocks = get_new_blocks(n)
            self.handed_out[-1].update(block.block_id for block in blocks)
            return blocks

        self.manager.pool.get_new_blocks = logged

    def schedule(self) -> SchedulerStep:
        self.handed_out.append(set())
        return super().schedule()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(runs())
def test_new_blocks_are_those_that_the_pool_handed_out(run: tuple[list[TraceRequest], SchedulerConfig]) -> None:
    trace, config = run
    scheduler = HandingOut(config)
    StepByStepRun(scheduler, trace, CostModel.fixed(1.0), None, Recording(outcomes=False)).run()
    for snapshot, handed_out in zip(scheduler.snapshots, scheduler.handed_out, strict=True):
        held = {block_id for _, block_ids, _ in snapshot.tables for block_id in block_ids}
        assert len(set(snapshot.new_block_ids)) == len(snapshot.new_block_ids)
        assert set(snapshot.new_block_ids) == handed_out & held


def test_the_story_of_a_recording_in_words() -> None:
    story = [snapshot.sentences for snapshot in eventful()]
    assert story[0] == (
        "A is admitted: 12 tokens computed in new blocks 1-3.",
        "B is admitted: blocks 1, 2 hit (8 tokens), 7 tokens computed in new blocks 4, 5.",
    )
    assert story[3] == (
        "A, B, C and D compute 1 token each in the blocks that they have.",
        "E waits: 4 requests run, which is max_num_seqs.",
    )
    assert story[5] == (
        "D is preempted: it gives back all blocks and will be computed again.",
        "A computes 1 token in new block 12.",
        "C computes 1 token in new block 11.",
        "B computes 1 token in the blocks that it has.",
        "D waits: a step that preempts admits nobody.",
    )
    assert "Evicted from the prefix cache, because new tokens need the room: block 10." in story[6]
    assert story[8][-2:] == (
        "D waits: it needs 2 free blocks, there are 0.",
        "A and C have all tokens: the blocks are free after this step.",
    )
    assert story[9][0] == "E is aborted."
    assert story[-1] == ("All requests have ended.",)


def test_blocks_of_a_recording() -> None:
    snapshots = eventful()
    blocks = snapshots[9].blocks
    assert [block.owners for block in blocks[:5]] == [(), ("B", "D"), ("B", "D"), (), ("B",)]
    assert [block.state for block in blocks[:4]] == [BlockState.NULL, *[BlockState.IN_USE] * 2, BlockState.CACHED]
    assert (blocks[6].filled_slots, blocks[6].is_cached) == (2, False)
    assert snapshots[9].new_block_ids == (12, 6)
    assert snapshots[5].waiting == ("D", "E")
    assert snapshots[-1].num_used_blocks == 0


@pytest.mark.parametrize(
    ("settings_of_config", "prompt", "reason"),
    [
        ({"max_num_batched_tokens": 6}, 9, "b waits: the token budget of 6 is used up."),
        (
            {"max_num_batched_tokens": 12, "enable_chunked_prefill": False, "max_model_len": 12},
            9,
            "b waits: it computes 9 tokens at once, and the token budget has 3 left.",
        ),
        ({"num_blocks": 5, "max_num_batched_tokens": 12}, 9, "b waits: it needs 3 free blocks, there is 1."),
        (
            {"num_blocks": 8, "watermark": 0.3},
            9,
            "b waits: it needs 3 free blocks, there are 4, 2 of which stay free (watermark).",
        ),
        ({"max_num_seqs": 1}, 9, "b waits: 1 requests run, which is max_num_seqs."),
    ],
)
def test_why_the_next_request_waits(settings_of_config: dict[str, Any], prompt: int, reason: str) -> None:
    config = SchedulerConfig(**{"num_blocks": 20, "block_size": 4, "max_num_seqs": 6} | settings_of_config)
    scheduler = RecordingScheduler(config)
    for name in "ab":
        scheduler.add_request(Request(name, [ord(name)] * prompt, 2))
    scheduler.schedule()
    assert scheduler.snapshots[0].sentences[-1] == reason


def test_chunks_of_a_prompt_say_what_is_left() -> None:
    config = SchedulerConfig(num_blocks=20, block_size=4, max_num_seqs=2, max_num_batched_tokens=8, max_model_len=64)
    story = [snapshot.sentences[0] for snapshot in record_trace([request("A", 17, 1)], config)]
    assert story[:3] == [
        "A is admitted: 8 tokens computed in new blocks 1, 2, 9 tokens left for later steps.",
        "A computes 8 tokens in new blocks 3, 4, 1 token left for later steps.",
        "A computes 1 token in new block 5.",
    ]


def test_a_forked_block_has_two_owners_and_is_partly_filled() -> None:
    manager = ForkingKVCacheManager(9, block_size=4)
    parent, child = Request("A1", range(7), 9), Request("A2", range(7), 9)
    manager.allocate_slots(parent, 7)
    parent.num_computed_tokens = 7
    manager.fork(parent, child)
    snapshot = take_snapshot(manager, [parent, child, Request("none", [1], 1)], waiting=["W"], sentences=["Forked."])
    assert snapshot.running == ("A1", "A2")
    assert [(block.owners, block.filled_slots) for block in snapshot.blocks[1:3]] == [
        (("A1", "A2"), 4),
        (("A1", "A2"), 3),
    ]
    assert (snapshot.waiting, snapshot.sentences) == (("W",), ("Forked.",))


def test_a_shared_block_is_as_full_as_its_fullest_owner_says() -> None:
    tables = (BlockTable("A", (1,), 3), BlockTable("B", (1, 2), 2))
    snapshot = Snapshot(step=0, num_blocks=3, block_size=4, tables=tables, free_block_ids=())
    assert [block.filled_slots for block in snapshot.blocks] == [0, 3, 0]


def test_a_snapshot_needs_all_requests_that_hold_blocks() -> None:
    manager = KVCacheManager(6, block_size=4)
    first, second = Request("first", range(5), 2), Request("second", [9], 2)
    manager.allocate_slots(first, 5)
    manager.allocate_slots(second, 1)
    with pytest.raises(ValueError, match=r"those of all requests that hold blocks; nobody's are the blocks, got \[3\]"):
        take_snapshot(manager, [first])
    first.num_computed_tokens = 9
    with pytest.raises(
        ValueError, match=r"num_computed_tokens of 'first' must be in \[0, 8\], the slots of its blocks"
    ):
        take_snapshot(manager, [first, second])


def test_too_long_a_trace_is_refused() -> None:
    config = SchedulerConfig(num_blocks=9, block_size=4, max_num_seqs=2)
    assert len(record_trace([request("A", 3, 5)], config, max_steps=5)) == 6
    with pytest.raises(ValueError, match=r"trace must be done after max_steps \(4\) steps, got \"unfinished \['A'\]\""):
        record_trace([request("A", 3, 5)], config, max_steps=4)
    with pytest.raises(ValueError, match="max_steps must be an integer of at least 1, got 0"):
        record_trace([request("A", 3, 5)], config, max_steps=0)


def _snapshot(**changes: Any) -> Snapshot:
    valid = Snapshot(
        step=0, num_blocks=4, block_size=4, tables=(BlockTable("A", (1, 2), 5),), free_block_ids=(3,), waiting=("B",)
    )
    return replace(valid, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": -1}, "step must be an integer of at least 0, got -1"),
        ({"block_size": 0}, "block_size must be an integer of at least 1, got 0"),
        ({"free_block_ids": (3, 3)}, r"free_block_ids must be different, got \(3, 3\)"),
        ({"free_block_ids": (2, 3)}, r"free_block_ids must be in no block table, got \[2\]"),
        ({"free_block_ids": (3, 4)}, r"block ids must be in \[1, 4\), got \[4\]"),
        ({"free_block_ids": (0, 3)}, r"block ids must be in \[1, 4\), got \[0\]"),
        ({"free_block_ids": ()}, r"nobody's are the blocks, got \[3\]"),
        ({"cached_block_ids": (0,)}, r"cached_block_ids must be in \[1, 4\), got \[0\]"),
        ({"new_block_ids": (3,)}, r"new_block_ids must be in a block table, got \[3\]"),
        ({"waiting": ("A",)}, r"request ids must be different, got \['A', 'A'\]"),
        ({"tables": (BlockTable("A", (1, 2), 9),)}, r"num_computed_tokens of 'A' must be in \[0, 8\]"),
        ({"tables": (BlockTable("A", (1, 2, 1), 5),)}, r"blocks of 'A' must be different, got \(1, 2, 1\)"),
    ],
)
def test_a_snapshot_checks_itself(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _snapshot(**changes)


def test_files_keep_everything(tmp_path: Path) -> None:
    snapshots = eventful()
    save_snapshots(snapshots, tmp_path / "story.jsonl")
    assert load_snapshots(tmp_path / "story.jsonl") == snapshots
    assert len((tmp_path / "story.jsonl").read_text().splitlines()) == len(snapshots)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "line 2: not JSON: Expecting property name"),
        ([], "line 2: a snapshot must be a JSON object"),
        ({"step": None}, "line 2: step must be an integer of at least 0, got None"),
        ({"colour": 1}, "line 2: fields of a snapshot must be exactly step, num_blocks"),
        ({"waiting": [3]}, "line 2: waiting must be made of texts, got 3"),
        ({"waiting": "B"}, "line 2: waiting must be a list, got 'B'"),
        ({"free_block_ids": ["3"]}, "line 2: free_block_ids must be a list of integers"),
        ({"tables": [["A", [1, 2]]]}, r"line 2: a table must be \[request id, block ids, number of computed tokens\]"),
        ({"tables": [["A", [1, 2.5], 3]]}, "line 2: blocks of a table must be a list of integers"),
        ({"tables": [[1, [1, 2], 3]]}, "line 2: request id of a table must be made of texts, got 1"),
        ({"free_block_ids": []}, "line 2: tables must be those of all requests that hold blocks"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    save_snapshots([_snapshot()], path)
    good = path.read_text()
    bad = json.dumps(json.loads(good) | change) if isinstance(change, dict) else change
    path.write_text(good + (bad if isinstance(bad, str) else json.dumps(bad)) + "\n")
    with pytest.raises(ValueError, match=message):
        load_snapshots(path)


def test_lists_in_words() -> None:
    assert [listed(names) for names in (["A"], ["A", "B"], ["A", "B", "C"])] == ["A", "A and B", "A, B and C"]
    assert listed([str(number) for number in range(9)]) == "0, 1, 2, 3, 4, 5, 6, 7 … (9 requests)"
    assert id_ranges([7, 1, 2, 3, 9, 10, 4]) == "7, 1-3, 9, 10, 4"


def test_recording_needs_no_matplotlib() -> None:
    code = (
        "import sys, paged_sim.drawing.recorder, paged_sim.drawing.snapshot_file;"
        "assert not {'matplotlib', 'ipywidgets', 'torch', 'vllm'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
