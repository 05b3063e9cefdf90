"""Engines without a model, for processes of their own; each is named by its `module:class`."""

import os
from collections.abc import Sequence

from benchmarks.comparison.engines.interface import Completion, EngineSetup, InferenceRequest


class EchoEngine:
    """Answers with the prompt's first token, repeated."""

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        print("echo is ready", flush=True)

    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        return [
            Completion(
                (request.prompt_token_ids[0],) * request.max_tokens,
                0.5,
                tuple(0.1 * (place + 1) for place in range(request.max_tokens)) if token_times else None,
            )
            for request in requests
        ]

    def forget(self) -> None:
        pass

    def facts(self) -> dict[str, float | int | str]:
        return {"threads": os.environ["OMP_NUM_THREADS"], "variable": os.environ.get("FAKE_VARIABLE", "")}

    def close(self) -> None:
        pass


class UnloadableEngine(EchoEngine):
    def __init__(self, setup: EngineSetup) -> None:
        raise ValueError("no such weights\nin this folder")


class FailingEngine(EchoEngine):
    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        raise RuntimeError("out of patience")


class DyingEngine(EchoEngine):
    def generate(self, requests: Sequence[InferenceRequest], concurrency: int, token_times: bool) -> list[Completion]:
        print("the last words", flush=True)
        os._exit(3)
