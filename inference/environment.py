"""What must stand in the environment before vLLM and the Hugging Face libraries are imported."""

import os

# A value that the user has set stays.
DEFAULTS = {
    # Nothing reports home.
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Standard output belongs to the caller: `--json` prints nothing else there.
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare_environment() -> None:
    """Sets `DEFAULTS` where the user has set nothing."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
