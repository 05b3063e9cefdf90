"""What the blocks of a KV cache would really hold, to see whether tables, copies and swaps keep every content."""

from collections.abc import Iterable

from paged_sim import Request
from paged_sim.paper.forking import ForkingKVCacheManager

# Keys and values of a token depend on all tokens before it, so what a slot holds is the whole prefix.
Content = tuple[int, ...]


def contents(token_ids: list[int], start: int, end: int) -> list[Content]:
    """Returns what the model computes for the tokens [start, end) of a sequence."""
    return [tuple(token_ids[: position + 1]) for position in range(start, end)]


class PhysicalMemory:
    """Slots of blocks on the GPU and on the CPU; a slot that was never written holds None."""

    def __init__(self, block_size: int) -> None:
        self.block_size = block_size
        self.gpu: dict[int, list[Content | None]] = {}
        self.cpu: dict[int, list[Content | None]] = {}
        self._meaning: dict[bytes, list[Content]] = {}

    def copy(self, pairs: Iterable[tuple[int, int]]) -> None:
        for source, destination in pairs:
            self.gpu[destination] = self.gpu[source].copy()

    def swap_out(self, pairs: Iterable[tuple[int, int]]) -> None:
        for gpu_id, cpu_id in pairs:
            self.cpu[cpu_id] = self.gpu[gpu_id].copy()

    def swap_in(self, pairs: Iterable[tuple[int, int]]) -> None:
        for cpu_id, gpu_id in pairs:
            self.gpu[gpu_id] = self.cpu[cpu_id].copy()

    def compute(self, table: list[int], request: Request, start: int, end: int) -> None:
        """Writes what the model computes for these tokens."""
        for position, content in zip(range(start, end), contents(request.all_token_ids, start, end), strict=True):
            slots = self.gpu.setdefault(table[position // self.block_size], [None] * self.block_size)
            slots[position % self.block_size] = content

    def read(self, table: list[int], num_tokens: int, *, on_cpu: bool = False) -> list[Content | None]:
        memory = self.cpu if on_cpu else self.gpu
        return [memory[table[p // self.block_size]][p % self.block_size] for p in range(num_tokens)]

    def check_cached(self, manager: ForkingKVCacheManager, requests: Iterable[Request]) -> None:
        """Every cached block, in use or free, holds what its hash stands for."""
        for request in requests:
            hashes = request.block_hashes(self.block_size)
            for index, block_hash in enumerate(hashes):
                start = index * self.block_size
                meaning = contents(request.all_token_ids, start, start + self.block_size)
                assert self._meaning.setdefault(block_hash, meaning) == meaning
        for block in manager.pool.blocks:
            if block.block_hash is not None:
                assert self.gpu[block.block_id] == self._meaning[block.block_hash], block
