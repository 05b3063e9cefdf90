"""What must stand in the environment before vLLM and the Hugging Face libraries are imported."""

import logging
import os
import warnings

# A value that the user has set stays.
DEFAULTS = {
    # Nothing reports home.
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # A forked engine process hangs in its first parallel computation if this one has computed anything with OpenMP
    # before, such as torch on the CPU. vLLM forks on GPUs by default.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    # Standard output belongs to the caller: `--json` prints nothing else there.
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    # vLLM warns of its own internals on every start; VLLM_LOGGING_LEVEL=INFO shows all of it.
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TOKENIZERS_PARALLELISM": "false",
}
# Loggers that warn on every start of an engine on a CPU, of what is no fault: Triton and CUDA are not needed there.
QUIET_LOGGERS = ("vllm.triton_utils.importing", "torch.utils.cpp_extension")


def prepare_environment() -> None:
    """Sets `DEFAULTS` where the user has set nothing, and silences what is known to be noise."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    # vLLM 0.32 looks at every attribute of torch while it registers its kernels.
    warnings.filterwarnings("ignore", r"`torch\.distributed\.reduce_op` is deprecated", FutureWarning)
