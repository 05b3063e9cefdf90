"""PagedAttention simulated: block allocation and scheduling as in vLLM 0.32, and pictures of why."""
