"""What must stand in the environment before vLLM and the Hugging Face libraries are imported."""

import os
import warnings

# A value that the user has set stays.
DEFAULTS = {
    # Nothing reports home.
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Standard output belongs to the caller: `--json` prints nothing else there.
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    # vLLM warns of its own internals on every start; VLLM_LOGGING_LEVEL=INFO shows all of it.
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare_environment() -> None:
    """Sets `DEFAULTS` where the user has set nothing."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # vLLM 0.32 looks at every attribute of torch while it registers its kernels.
    warnings.filterwarnings("ignore", r"`torch\.distributed\.reduce_op` is deprecated", FutureWarning)
