"""What machine the notebook runs on, and what of the course is scaled to it."""

import os
import platform
from dataclasses import dataclass
from html import escape

GIB = 1024**3
# What the engine of the course takes.
LEAST_MEMORY_GIB = 4


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, and how much of the live work it gets.

    Attributes:
        device: name of the GPU, or of the processor.
        has_gpu: whether models compute on a GPU.
        cores: processor cores that this process may use.
        memory_gib: free memory of the machine, in GiB.
        gpu_memory_gib: memory of the GPU, in GiB; None without one.
        versions: of Python and the libraries that decide what is seen.
    """

    device: str
    has_gpu: bool
    cores: int
    memory_gib: float
    gpu_memory_gib: float | None
    versions: dict[str, str]

    @property
    def concurrencies(self) -> tuple[int, ...]:
        """Requests at once of the live benchmark of Part 5."""
        return (1, 8, 64) if self.has_gpu else (1, 8)

    @property
    def output_tokens(self) -> int:
        """Length of each answer of the live benchmark."""
        return 128 if self.has_gpu else 32

    @property
    def num_scored_questions(self) -> int:
        """Questions whose SQL is scored in Part 6."""
        return 243 if self.has_gpu else 24

    def rows(self) -> list[tuple[str, str]]:
        """Returns what was found and what follows from it, a line for each."""
        memory = f"{self.memory_gib:.1f} GiB free" + (
            f", {self.gpu_memory_gib:.0f} GiB on the GPU" if self.gpu_memory_gib else ""
        )
        runs = "everything runs" if self.has_gpu else "everything runs; GPU curves are shown from stored records"
        *most, last = map(str, self.concurrencies)
        at_once = f"{', '.join(most)} and {last}"
        if self.memory_gib < LEAST_MEMORY_GIB:
            runs = f"too little memory: {LEAST_MEMORY_GIB} GiB are needed, end other programs first"
        return [
            ("computes on", f"{self.device}, {self.cores} cores"),
            ("memory", memory),
            ("versions", ", ".join(f"{name} {number}" for name, number in self.versions.items())),
            ("Parts 1, 1.5, 2.5", "no model is needed"),
            ("Parts 2, 3, 4", runs),
            ("Part 5, live", f"{at_once} requests at once, answers of {self.output_tokens} tokens"),
            ("Part 6, live", f"{self.num_scored_questions} of 243 reference questions are scored"),
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.rows())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(text)}</td></tr>'
            for name, text in self.rows()
        )
        return f"<table>{rows}</table>"


def find_machine() -> Machine:
    """Returns the machine that this process runs on."""
    import torch

    from inference.free_memory import free_memory

    has_gpu = torch.cuda.is_available()
    return Machine(
        device=torch.cuda.get_device_name() if has_gpu else _processor(),
        has_gpu=has_gpu,
        cores=len(os.sched_getaffinity(0)),
        memory_gib=free_memory() / GIB,
        gpu_memory_gib=torch.cuda.get_device_properties(0).total_memory / GIB if has_gpu else None,
        versions={"Python": platform.python_version(), **_versions()},
    )


def _processor() -> str:
    from benchmarks.side_by_side import host

    return host()["cpu"]


def _versions() -> dict[str, str]:
    from benchmarks.comparison.record import versions

    return {name: number for name, number in versions().items() if name in ("vllm", "torch", "transformers", "peft")}
