"""A container's limit counts where it is nearer than the machine's memory."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from inference import free_memory as module
from inference.free_memory import free_memory


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 1,000 free bytes, in a container that uses 300, 100 of them for cached files."""
    monkeypatch.setattr(module, "_CGROUP", tmp_path)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.stat").write_text("anon 200\nactive_file 0\ninactive_file 100\n")
    return tmp_path


@pytest.mark.parametrize(("limit", "free"), [("500", 300), ("5000", 1000), ("max", 1000), ("150", 0)])
def test_the_nearer_limit_counts(cgroup: Path, limit: str, free: int):
    (cgroup / "memory.max").write_text(f"{limit}\n")
    assert free_memory() == free


def test_without_a_container_the_machine_counts(cgroup: Path):
    assert free_memory() == 1000


def test_a_container_that_tells_no_use_is_left_out(cgroup: Path):
    (cgroup / "memory.max").write_text("500\n")
    (cgroup / "memory.stat").write_text("anon 200\n")
    assert free_memory() == 1000
