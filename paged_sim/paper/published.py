"""Numbers that the PagedAttention paper prints (arXiv 2309.06180v1, SOSP 2023), each with its figure or section.

Only what is printed as a number is here: nothing is read off a curve.
"""

from typing import NamedTuple

ORCA_MAX = "Orca (Max)"
ORCA_POW2 = "Orca (Pow2)"
ORCA_ORACLE = "Orca (Oracle)"
VLLM = "vLLM"

SHAREGPT = "ShareGPT"
ALPACA = "Alpaca"


class MeanLengths(NamedTuple):
    """Mean lengths of a data set, in tokens."""

    prompt: float
    output: float


class MemoryShares(NamedTuple):
    """Where the KV memory goes, in percent of it; None where the figure draws or labels nothing."""

    token_states: float
    reservation: float | None
    internal: float | None
    external: float


class ModelMemory(NamedTuple):
    """A row of Table 1: sizes in GB, which the paper means in binary units, and token slots."""

    gpu_memory: int
    weights: int
    kv_cache: int
    kv_slots: int


# Section 3: 2 (key and value) x 5120 (hidden size) x 40 (layers) x 2 bytes (FP16).
# 40 layers of width 5120; Table 1 gives 26 GB of weights.
OPT_13B_PARAMETERS = 12_853_473_280
OPT_13B_KV_BYTES_PER_TOKEN = 2 * 5120 * 40 * 2
# Section 6.1: what Orca (Max) reserves for every request, and the longest sequence of OPT.
MAX_MODEL_LEN = 2048
# Section 4.3; the default of section 7.2.
BLOCK_SIZE = 16

# Table 1.
TABLE_1 = {
    "OPT-13B": ModelMemory(gpu_memory=40, weights=26, kv_cache=12, kv_slots=15_700),
    "OPT-66B": ModelMemory(gpu_memory=160, weights=132, kv_cache=21, kv_slots=9_700),
    "OPT-175B": ModelMemory(gpu_memory=640, weights=346, kv_cache=264, kv_slots=60_100),
}
# 12 GiB over 800 KiB a token: 15,728, printed as 15.7K in Table 1.
OPT_13B_SLOTS = TABLE_1["OPT-13B"].kv_cache * 2**30 // OPT_13B_KV_BYTES_PER_TOKEN

# Figure 11.
MEAN_LENGTHS = {SHAREGPT: MeanLengths(161.31, 337.99), ALPACA: MeanLengths(19.31, 58.45)}

# Figure 2: OPT-13B on ShareGPT, the experiment of section 6.2.
MEMORY_SHARES = {
    ORCA_MAX: MemoryShares(20.4, 13.3, 57.3, 8.9),
    ORCA_POW2: MemoryShares(26.8, 17.9, 13.6, 41.6),
    ORCA_ORACLE: MemoryShares(38.2, 25.2, None, 36.6),
    VLLM: MemoryShares(96.3, None, None, 3.7),
}

# Figure 13: mean number of batched requests of OPT-13B, at 2 (ShareGPT) and 30 (Alpaca) requests per second.
MEAN_BATCH = {
    SHAREGPT: {ORCA_MAX: 7.00, ORCA_POW2: 9.81, ORCA_ORACLE: 13.62, VLLM: 30.42},
    ALPACA: {ORCA_MAX: 7.00, ORCA_POW2: 43.24, ORCA_ORACLE: 72.75, VLLM: 132.44},
}

# Figure 15: blocks saved by sharing over blocks without sharing, in percent, by number of samples or beam width.
# OPT-13B on Alpaca.
SAVED_BY_PARALLEL_SAMPLING = {2: 6.09, 4: 8.53, 6: 9.79}
SAVED_BY_BEAM_SEARCH = {2: 37.56, 4: 53.13, 6: 55.16}
# Section 6.3: the same on ShareGPT, as ranges over 2, 4 and 6.
SAVED_BY_PARALLEL_SAMPLING_SHAREGPT = (16.2, 30.5)
SAVED_BY_BEAM_SEARCH_SHAREGPT = (44.3, 66.3)
# Section 3: share of the prompts in the KV memory of that experiment, in percent.
PROMPT_SHARE_OF_MEMORY = 12
