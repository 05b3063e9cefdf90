"""What vLLM's log says of a start: seconds and bytes that no interface of it returns.

The worker's process writes everything to a file, its child processes included; `LOG_VARIABLE` names it.
"""

import os
import re
from pathlib import Path

from inference.memory import GIB

LOG_VARIABLE = "BENCHMARK_ENGINE_LOG"
_NUMBER = r"([\d.,]+)"
# Texts of vLLM 0.26 and 0.32: `v1/worker/gpu_model_runner.py`, `v1/engine/core.py`, `compilation/monitor.py`.
_LINES = {
    # The CPU's worker says no more than this.
    ("load_s",): rf"Loading weights took {_NUMBER} seconds",
    ("weights_bytes", "load_s"): rf"Model loading took {_NUMBER} GiB(?: memory)? and {_NUMBER} seconds",
    ("compile_s",): rf"torch\.compile took {_NUMBER} s in total",
    # What it says of the graphs' memory is that of the whole device, so of other engines that start meanwhile too.
    ("graph_capture_s",): rf"Graph capturing finished in {_NUMBER} secs",
    ("init_s",): rf"init engine \(profile, create kv cache, warmup model\) took {_NUMBER} s",
}


def read_start_log() -> dict[str, float]:
    """Returns what the log of this process's engine says; what it does not say is missing."""
    file = Path(os.environ.get(LOG_VARIABLE, ""))
    return parse_start_log(file.read_text(errors="replace")) if file.is_file() else {}


def parse_start_log(log: str) -> dict[str, float]:
    """Returns seconds (`…_s`) and bytes (`…_bytes`) that vLLM has logged, by name."""
    found: dict[str, float] = {}
    for names, pattern in _LINES.items():
        if matches := re.findall(pattern, log):
            last = matches[-1]
            for name, text in zip(names, last if isinstance(last, tuple) else (last,), strict=True):
                value = float(text.replace(",", ""))
                found[name] = value * GIB if name.endswith("_bytes") else value
    return found
