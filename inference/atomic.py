"""A folder that appears complete or not at all."""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def atomic_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields an empty folder beside `target`, which becomes `target` when the block ends without an error.

    A process that is killed in the block leaves only a hidden folder `.NAME.partial-PID`, which no reader takes for
    `target` and which the next call removes.

    Args:
        target: the folder to make. Its parent is created if missing.
        replace: whether an existing `target` is replaced. It stays whole until the new one is complete.

    Raises:
        FileExistsError: `target` exists and `replace` is False; raised before the block runs.
    """
    if target.exists() and not replace:
        raise FileExistsError(f"{target} exists already")
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    partial.mkdir()
    try:
        yield partial
        _open_to_readers(partial)
        _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _open_to_readers(folder: Path) -> None:
    """Gives files the permissions that the user's umask asks for: safetensors are written for their owner alone."""
    permissions = folder.stat().st_mode & 0o666
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.chmod(permissions)


def _publish(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.rename(target)
        return
    replaced = target.with_name(f".{target.name}.replaced-{os.getpid()}")
    target.rename(replaced)
    try:
        partial.rename(target)
    except OSError:
        replaced.rename(target)
        raise
    _remove(replaced)


def _remove_abandoned(target: Path) -> None:
    for kind in ("partial", "replaced"):
        for left in target.parent.glob(f".{glob.escape(target.name)}.{kind}-*"):
            pid = left.name.rpartition("-")[2]
            if pid.isdigit() and psutil.pid_exists(int(pid)) and int(pid) != os.getpid():
                continue
            # A process that was killed between the two renames of a replacement had only moved the old one away.
            if kind == "replaced" and not target.exists():
                left.rename(target)
            else:
                _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
