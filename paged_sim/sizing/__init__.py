"""How many blocks, tokens and requests a KV cache holds, for a model and an amount of memory, as vLLM 0.32 counts."""
