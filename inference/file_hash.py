"""One hash over several files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def hash_files(folder: Path, names: Iterable[str]) -> str:
    """Returns the SHA-256 over names and contents of those of the files that exist, in the order given."""
    digest = hashlib.sha256()
    for name in names:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()
