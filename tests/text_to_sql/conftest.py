"""What the tests of several files use."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NOBODY = 65_534


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of an ordinary user, who this process is meanwhile: root may read and write everywhere."""
    is_root = os.geteuid() == 0
    with TemporaryDirectory() as folder:
        if is_root:
            os.chown(folder, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            for path in Path(folder).iterdir():
                path.chmod(0o700)
            if is_root:
                os.seteuid(0)
