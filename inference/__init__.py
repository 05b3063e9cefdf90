"""What `vllm_offline_inference.py` stands on, one file per noun: base model, adapter, chat, sampling, engine, merge."""

from inference.environment import prepare_environment

prepare_environment()
