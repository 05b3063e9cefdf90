"""What the PagedAttention paper (SOSP 2023) has and vLLM's V1 engine has not, and the paper's figures.

Contiguous allocators that reserve (`buddy_allocator`, `reservation`, `contiguous_cache`), forked sequences with
copy-on-write (`forking`), preemption by swapping (`swapping`), and `reproduction`, which puts simulated figures beside
the printed ones of `published`.
"""
