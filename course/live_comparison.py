"""The small live run of Part 5: `benchmarks compare` on this machine, each engine in a process of its own."""

import tempfile
from pathlib import Path
from typing import Any

from course.machine import Machine

ENGINES = ("transformers-batch", "vllm")


class NotebookProgress:
    """One bar over all runs, which goes when they are done."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc="preparing", leave=False)

    def begin(self, num_runs: int) -> None:
        """See `benchmarks.comparison.comparison.Progress`."""
        self._bar.reset(total=num_runs)

    def says(self, text: str) -> None:
        """See `benchmarks.comparison.comparison.Progress`."""
        self._bar.set_description(text)

    def ran(self, text: str) -> None:
        """See `benchmarks.comparison.comparison.Progress`."""
        self.says(text)
        self._bar.update()

    def close(self) -> None:
        """Removes the bar."""
        self._bar.close()


def compare_here(machine: Machine) -> dict[str, Any]:
    """Returns the record of Transformers against vLLM on this machine: one to two minutes on two cores.

    Args:
        machine: how much work it gets.
    """
    from benchmarks.comparison.comparison import Comparison, find_gpu
    from benchmarks.comparison.models import BUNDLED
    from benchmarks.comparison.presets import QUICK, preset
    from benchmarks.comparison.record import ComparisonRecord
    from benchmarks.device_rates import device_kind
    from benchmarks.side_by_side import host

    plan = preset(QUICK, device_kind(), BUNDLED).replaced(
        engines=ENGINES,
        concurrencies=machine.concurrencies,
        prompt_tokens=32,
        output_tokens=machine.output_tokens,
    )
    gpu = find_gpu()
    machine_facts = host() | (gpu.description() if gpu else {})
    progress = NotebookProgress()
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        record = ComparisonRecord.begin(Path(folder) / "record.json", "course, Part 5", plan, machine_facts)
        try:
            Comparison(plan, record, Path(folder), progress).run()
        finally:
            progress.close()
    return record.content
