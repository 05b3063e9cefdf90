"""A folder appears complete or not at all, whatever ends the process that makes it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.atomic import atomic_folder

# Takes its own life in the block, after it has written one of two files.
KILLED_IN_THE_BLOCK = """
import os, signal, sys
from pathlib import Path
from inference.atomic import atomic_folder

with atomic_folder(Path(sys.argv[1]), replace=True) as partial:
    (partial / "first").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
    (partial / "second").write_text("never")
"""


class BlockError(Exception):
    """Raised in the block."""


def fill(target: Path, content: str, *, replace: bool = False) -> None:
    """Makes a folder with one file."""
    with atomic_folder(target, replace=replace) as partial:
        (partial / "file").write_text(content)


def names(folder: Path) -> list[str]:
    """Returns all names in a folder, hidden ones included."""
    return sorted(entry.name for entry in folder.iterdir())


def test_the_folder_is_absent_in_the_block_and_complete_after_it(tmp_path: Path):
    target = tmp_path / "target"
    with atomic_folder(target) as partial:
        assert partial.parent == tmp_path
        assert names(partial) == []
        (partial / "file").write_text("whole")
        assert not target.exists()
    assert (target / "file").read_text() == "whole"
    assert names(tmp_path) == ["target"]


def test_missing_parents_are_created(tmp_path: Path):
    fill(tmp_path / "a" / "b" / "target", "whole")
    assert (tmp_path / "a" / "b" / "target" / "file").is_file()


@pytest.mark.parametrize("kind", [BlockError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_block_leaves_nothing_and_goes_on(tmp_path: Path, kind: type[BaseException]):
    with pytest.raises(kind), atomic_folder(tmp_path / "target") as partial:  # noqa: PT012 (the block is the subject)
        (partial / "file").write_text("half")
        raise kind
    assert names(tmp_path) == []


def test_an_existing_folder_is_refused_before_the_block_runs(tmp_path: Path):
    target = tmp_path / "target"
    fill(target, "old")
    with pytest.raises(FileExistsError, match=f"{target} exists already"):
        fill(target, "new")
    assert (target / "file").read_text() == "old"
    assert names(tmp_path) == ["target"]


def test_a_replaced_folder_stays_whole_until_the_new_one_is_complete(tmp_path: Path):
    target = tmp_path / "target"
    fill(target, "old")
    (target / "only in the old").touch()
    with atomic_folder(target, replace=True) as partial:
        (partial / "file").write_text("new")
        assert names(target) == ["file", "only in the old"]
        assert (target / "file").read_text() == "old"
    assert names(target) == ["file"]
    assert (target / "file").read_text() == "new"
    assert names(tmp_path) == ["target"]


def test_an_error_while_replacing_keeps_the_old_folder(tmp_path: Path):
    target = tmp_path / "target"
    fill(target, "old")
    with pytest.raises(BlockError), atomic_folder(target, replace=True) as partial:  # noqa: PT012
        (partial / "file").write_text("half")
        raise BlockError
    assert (target / "file").read_text() == "old"
    assert names(tmp_path) == ["target"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = tmp_path / "target"
    fill(target, "old")
    rename = Path.rename

    def rename_but_not_the_partial(self: Path, new: Path) -> Path:
        if ".partial-" in self.name:
            raise PermissionError("no")
        return rename(self, new)

    monkeypatch.setattr(Path, "rename", rename_but_not_the_partial)
    with pytest.raises(PermissionError, match="no"):
        fill(target, "new", replace=True)
    assert (target / "file").read_text() == "old"
    assert names(tmp_path) == ["target"]


@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_process_leaves_no_new_target_and_the_next_call_removes_its_leftover(tmp_path: Path, existing: bool):
    target = tmp_path / "target"
    if existing:
        fill(target, "old")
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_BLOCK, str(target)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert target.exists() == existing
    leftover = [name for name in names(tmp_path) if name.startswith(".target.partial-")]
    assert len(leftover) == 1
    assert not existing or (target / "file").read_text() == "old"

    fill(target, "new", replace=existing)
    assert names(tmp_path) == ["target"]
    assert (target / "file").read_text() == "new"


def test_what_a_living_process_is_writing_is_kept(tmp_path: Path):
    partial = tmp_path / f".target.partial-{os.getppid()}"
    partial.mkdir()
    fill(tmp_path / "target", "whole")
    assert names(tmp_path) == [partial.name, "target"]


def test_a_leftover_with_this_process_own_number_is_from_a_dead_one(tmp_path: Path):
    (tmp_path / f".target.partial-{os.getpid()}").mkdir()
    (tmp_path / f".target.partial-{os.getpid()}" / "stale").touch()
    fill(tmp_path / "target", "whole")
    assert names(tmp_path / "target") == ["file"]


def test_leftovers_of_other_folders_are_kept(tmp_path: Path):
    other = tmp_path / ".other.partial-999999999"
    other.mkdir()
    fill(tmp_path / "target", "whole")
    assert other.is_dir()


def test_leftovers_of_a_name_with_brackets_are_removed(tmp_path: Path):
    leftover = tmp_path / ".a[1].partial-999999999"
    leftover.mkdir()
    fill(tmp_path / "a[1]", "whole")
    assert not leftover.exists()


def test_a_file_is_replaced_too(tmp_path: Path):
    (tmp_path / "target").write_text("a file")
    fill(tmp_path / "target", "whole", replace=True)
    assert names(tmp_path) == ["target"]


def test_what_a_process_that_was_killed_while_replacing_left_is_removed(tmp_path: Path):
    (tmp_path / ".target.replaced-999999999").mkdir()
    fill(tmp_path / "target", "whole")
    assert names(tmp_path) == ["target"]
