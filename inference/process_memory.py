"""How much memory this process and its children take."""

from contextlib import suppress

import psutil


def process_tree_memory() -> int:
    """Returns the bytes of this process and all below it; a page that several processes share is divided among them."""
    this = psutil.Process()
    total = 0
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total
