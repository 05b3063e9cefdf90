"""Offline inference with vLLM, with or without LoRA adapters, on a CPU or on GPUs.

The three ways to use a fine-tuned model:

    VLLMInferenceWithLoRA(base, "checkpoint-100")                                   # runtime LoRA
    VLLMInferenceWithLoRA(merge_lora_to_base_model(base, "checkpoint-100", out))    # merged model
    VLLMInferenceWithLoRA(base)                                                     # plain base model

As a command it answers questions about a database: `uv run vllm_offline_inference.py --help`.
"""

import gc
import itertools
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from inference.adapter import Adapter, read_adapter
from inference.adapter_checks import allowed_max_rank, check_adapter
from inference.adapter_registry import AdapterRegistry
from inference.base_model import load_config, resolve_base_model
from inference.base_shapes import BaseShapes, base_shapes
from inference.bundled_model import BUNDLED_MODEL
from inference.canary import warn_if_silent
from inference.chat import ChatFormat, Message, check_length
from inference.cpu_engine import cpu_settings
from inference.device import runs_on_cpu
from inference.engine import start_engine, stop_engine
from inference.engine_call import engine_call
from inference.engine_log import EngineLog
from inference.engine_options import EngineOptions
from inference.errors import AdapterError, ChatError, InferenceError, SamplingError
from inference.gpu_engine import gpu_settings
from inference.lora_operators import can_mix_adapters, offer_grouped_operators
from inference.merge import merge_lora_to_base_model
from inference.results import GenerationResult, to_result
from inference.sampling import SamplingOptions

__all__ = ["BUNDLED_MODEL", "GenerationResult", "InferenceError", "VLLMInferenceWithLoRA", "merge_lora_to_base_model"]

DEFAULT_ADAPTER: Final = "the adapter given at construction"
DEFAULT_MAX_RANK: Final = 64
AdapterChoice = str | None
# Engine options that say which configuration a name stands for.
_CONFIG_OPTIONS = {"revision", "trust_remote_code"}


class VLLMInferenceWithLoRA:
    """A vLLM engine that answers conversations, with the base model or with any of its loaded LoRA adapters.

    Every check runs before the engine sees a request, so the engine survives bad input. It is a context manager:
    leaving it frees the memory. Threads may share it; their requests run one after the other.

        with VLLMInferenceWithLoRA(lora_adapter_path="checkpoint-100") as llm:
            print(llm.generate([{"role": "user", "content": "Hello"}]))

    Args:
        base_model_name: the bundled model, a folder with safetensors, or a hub name.
        lora_adapter_path: folder of an adapter that answers by default; None for none. Its name is the folder's.
        gpu_memory_utilization: share of GPU memory that vLLM reserves, in (0, 1].
        tensor_parallel_size: number of GPUs that share each layer.
        pipeline_parallel_size: number of stages, each with a part of the layers and GPUs of its own.
        distributed_executor_backend: "mp" for GPUs of this machine, "ray" for those of a Ray cluster; None: vLLM's.
        max_model_len: longest prompt and answer together, in tokens; None takes the model's own.
        dtype: "auto" is float32 on a CPU, the model's own on a GPU.
        enable_lora: whether adapters can be loaded; None: if `lora_adapter_path` is given.
        max_adapters: how many adapters can be loaded at once.
        max_lora_rank: largest rank of any adapter, rounded up to one that vLLM offers; None takes the first's, or 64.
        kv_cache_memory_bytes, enforce_eager: see `inference.engine_options.EngineOptions`.
        engine_options: any further argument of `vllm.LLM`.

    Raises:
        InferenceError: see `inference.errors` for the kinds; each message says what to do.
    """

    def __init__(
        self,
        base_model_name: str | PathLike[str] = BUNDLED_MODEL,
        lora_adapter_path: str | PathLike[str] | None = None,
        *,
        gpu_memory_utilization: float = 0.75,
        tensor_parallel_size: int = 1,
        pipeline_parallel_size: int = 1,
        distributed_executor_backend: str | None = None,
        max_model_len: int | None = None,
        dtype: str = "auto",
        enable_lora: bool | None = None,
        max_adapters: int = 4,
        max_lora_rank: int | None = None,
        kv_cache_memory_bytes: int | None = None,
        enforce_eager: bool | None = None,
        **engine_options: Any,
    ) -> None:
        self.llm: Any = None
        options = EngineOptions(
            gpu_memory_utilization=gpu_memory_utilization,
            tensor_parallel_size=tensor_parallel_size,
            pipeline_parallel_size=pipeline_parallel_size,
            distributed_executor_backend=distributed_executor_backend,
            max_model_len=max_model_len,
            dtype=dtype,
            kv_cache_memory_bytes=kv_cache_memory_bytes,
            enforce_eager=enforce_eager,
            extra=engine_options,
        )
        self._config_options = {name: engine_options[name] for name in _CONFIG_OPTIONS & engine_options.keys()}
        # Everything that can be wrong with the files is found before the engine starts, which takes long.
        self.base_model = resolve_base_model(base_model_name)
        adapter = self._read_adapter(lora_adapter_path) if lora_adapter_path is not None else None
        self._lora_enabled = adapter is not None if enable_lora is None else enable_lora
        if max_lora_rank is None:
            max_lora_rank = adapter.rank if adapter else DEFAULT_MAX_RANK
        self._adapters = AdapterRegistry(max_adapters, allowed_max_rank(max_lora_rank))
        self._default_adapter: AdapterChoice = adapter.path.name if adapter else None
        if adapter is not None:
            self._check_can_load(adapter.path.name, adapter)
        self._request_ids = itertools.count()
        self._streaming = False
        # vLLM's engine takes calls of one thread at a time.
        self._lock = threading.RLock()
        self._log = EngineLog()
        try:
            self._start(options)
            if adapter is not None:
                self._load(adapter.path.name, adapter)
        except BaseException:
            self.close()
            raise

    def _start(self, options: EngineOptions) -> None:
        registry = self._adapters
        slots = registry.max_adapters if self._lora_enabled else 0
        settings = (
            cpu_settings(self._shapes, options, slots, registry.max_rank) if runs_on_cpu() else gpu_settings(options)
        )
        if self._lora_enabled:
            offer_grouped_operators()
            settings |= {"enable_lora": True, "max_loras": slots, "max_lora_rank": registry.max_rank}
        # Left to itself, vLLM falls back to another engine for grammars without a word.
        settings["structured_outputs_config"] = {"backend": "xgrammar"}
        self.llm = start_engine(self.base_model, settings | options.extra, self._log)
        # An engine that is dropped without close(), such as by running a notebook's cell again, ends as if closed.
        self._end_engine = weakref.finalize(self, stop_engine, self.llm)
        self._end_engine.atexit = False
        self._mixes_adapters = can_mix_adapters(self.llm) if self._lora_enabled else True
        self._chat_formats: dict[AdapterChoice, ChatFormat] = {None: ChatFormat(self.llm.get_tokenizer())}

    @cached_property
    def _shapes(self) -> BaseShapes:
        return base_shapes(load_config(self.base_model, **self._config_options))

    @property
    def max_model_len(self) -> int:
        """Longest prompt and answer together, in tokens."""
        self._check_open()
        return self.llm.model_config.max_model_len

    # Answers

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 512,
        temperature: float = 0.7,
        top_p: float = 0.9,
        top_k: int = 50,
        repetition_penalty: float = 1.0,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        grammar: str | None = None,
        adapter: AdapterChoice = DEFAULT_ADAPTER,
    ) -> str:
        """Returns the answer to one conversation.

        Args:
            messages: `[{"role": "system" | "user" | "assistant", "content": text}, …]`.
            adapter: name of a loaded adapter; None for the base model; by default the one given at construction.
            max_tokens, temperature, top_p, top_k, repetition_penalty, stop, seed, grammar: see
                `inference.sampling.SamplingOptions`.

        Raises:
            ChatError: malformed messages, or a prompt longer than the context.
            SamplingError: a sampling parameter out of its range.
            AdapterError: no adapter of this name is loaded.
        """
        return self.generate_detailed(
            messages,
            adapter=adapter,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            repetition_penalty=repetition_penalty,
            stop=stop,
            seed=seed,
            grammar=grammar,
        ).text

    def generate_detailed(
        self, messages: Sequence[Message], *, adapter: AdapterChoice = DEFAULT_ADAPTER, **sampling: Any
    ) -> GenerationResult:
        """As `generate`, with token counts, finish reason and times beside the text."""
        [result] = self.generate_batch_detailed([messages], adapters=adapter, show_progress=False, **sampling)
        return result

    def generate_batch(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        adapters: AdapterChoice | Sequence[AdapterChoice] = DEFAULT_ADAPTER,
        show_progress: bool = True,
        **sampling: Any,
    ) -> list[str]:
        """Returns the answers to many conversations, in their order; vLLM batches them continuously.

        Args:
            conversations: one list of messages each.
            adapters: one adapter for all, or one for each conversation.
            show_progress: whether a progress bar is shown on standard error.
            sampling: as for `generate`, the same for all.
        """
        results = self.generate_batch_detailed(
            conversations, adapters=adapters, show_progress=show_progress, **sampling
        )
        return [result.text for result in results]

    def generate_batch_detailed(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        adapters: AdapterChoice | Sequence[AdapterChoice] = DEFAULT_ADAPTER,
        each: Sequence[Mapping[str, Any]] | None = None,
        show_progress: bool = True,
        **sampling: Any,
    ) -> list[GenerationResult]:
        """As `generate_batch`, with token counts, finish reason and times beside each text.

        Args:
            each: sampling parameters of single conversations, which win over `sampling`, such as seeds and grammars.
        """
        self._check_idle()
        params = self._params_for_each(sampling, each, len(conversations))
        names = self._adapter_for_each(adapters, len(conversations))
        prompts = self._prompts(conversations, names)
        outputs: dict[int, Any] = {}
        for rows in self._rows_for_one_call(names):
            with self._lock, engine_call(self.llm):
                answers = self.llm.generate(
                    [prompts[row] for row in rows],
                    [params[row] for row in rows],
                    use_tqdm=show_progress,
                    lora_request=[self.lora_request(names[row]) for row in rows] if self._lora_enabled else None,
                )
            outputs |= zip(rows, answers, strict=True)
        return [to_result(outputs[row], name) for row, name in enumerate(names)]

    def stream(
        self, messages: Sequence[Message], *, adapter: AdapterChoice = DEFAULT_ADAPTER, **sampling: Any
    ) -> Iterator[str]:
        """Yields the answer piece by piece. Arguments as for `generate`; bad ones raise before the first piece.

        The engine serves one caller: finish the stream, or close() it, before the next request.
        """
        self._check_idle()
        from vllm.sampling_params import RequestOutputKind

        [name] = self._adapter_for_each(adapter, 1)
        prompt = self._prompt(messages, name)
        params = SamplingOptions.from_arguments(**sampling).to_vllm(output_kind=RequestOutputKind.DELTA)
        return self._stream(prompt, params, self.lora_request(name))

    def _stream(self, prompt: Any, params: Any, lora_request: Any) -> Iterator[str]:
        self._check_idle()
        from vllm.v1.engine.exceptions import EngineDeadError

        engine = self.llm.llm_engine
        [rendered] = self.llm.renderer.render_cmpl([prompt])
        # Not the id that add_request returns: abort_request knows requests by the id of their caller.
        request_id = f"stream-{next(self._request_ids)}"
        engine.add_request(request_id, rendered, params, lora_request=lora_request)
        self._streaming = True
        try:
            while engine.has_unfinished_requests():
                self._check_open()
                with self._lock, engine_call(self.llm):
                    outputs = engine.step()
                yield from (output.outputs[0].text for output in outputs if output.outputs[0].text)
        finally:
            self._streaming = False
            with suppress(EngineDeadError):
                engine.abort_request([request_id])

    # Adapters

    @property
    def adapters(self) -> dict[str, Path]:
        """Folder of each loaded adapter by its name."""
        return self._adapters.paths

    def load_adapter(self, name: str, path: str | PathLike[str]) -> None:
        """Loads a LoRA adapter under a name of your choice; loading the same content again changes nothing.

        Raises:
            AdapterError: the adapter cannot be served (every reason is listed), the name is taken by other content,
                all slots are taken, or the engine was started without LoRA. The engine lives on.
        """
        self._check_idle()
        adapter = self._read_adapter(path)
        if self._check_can_load(name, adapter):
            self._load(name, adapter)

    def unload_adapter(self, name: str) -> None:
        """Removes an adapter and frees its slot; raises AdapterError if none has this name."""
        self._check_idle()
        loaded = self._adapters.get(name)
        self.llm.llm_engine.remove_lora(loaded.request.lora_int_id)
        self._adapters.remove(name)
        del self._chat_formats[name]

    def _read_adapter(self, path: str | PathLike[str]) -> Adapter:
        adapter = read_adapter(Path(path))
        check_adapter(adapter, self.base_model, self._shapes)
        return adapter

    def _check_can_load(self, name: str, adapter: Adapter) -> bool:
        if not self._lora_enabled:
            raise AdapterError(str(adapter.path), ["The engine has no LoRA. Start it with enable_lora=True."])
        return self._adapters.can_load(name, adapter)

    def _load(self, name: str, adapter: Adapter) -> None:
        chat_format = ChatFormat(self.llm.get_tokenizer(), adapter.chat_template)
        loaded = self._adapters.new_request(name, adapter)
        try:
            # A bad adapter in add_lora raises; the same one in a request would end the engine.
            self.llm.llm_engine.add_lora(loaded.request)
        except Exception as error:
            raise AdapterError(str(adapter.path), [f"vLLM refused it: {error}"]) from error
        self._adapters.add(loaded)
        self._chat_formats[name] = chat_format
        with self._lock, engine_call(self.llm):
            warn_if_silent(self.llm, loaded)

    # Requests

    def prompt_tokens(self, messages: Sequence[Message], *, adapter: AdapterChoice = DEFAULT_ADAPTER) -> int:
        """Returns the number of tokens of a conversation's prompt, without answering it.

        Args:
            messages: as for `generate`.
            adapter: as for `generate`; an adapter may have a chat template of its own.

        Raises:
            ChatError: malformed messages, or a prompt longer than the context.
            AdapterError: no adapter of this name is loaded.
        """
        self._check_idle()
        [name] = self._adapter_for_each(adapter, 1)
        return len(self._prompt(messages, name)["prompt_token_ids"])

    def _params_for_each(
        self, sampling: Mapping[str, Any], each: Sequence[Mapping[str, Any]] | None, count: int
    ) -> list[Any]:
        if each is None:
            return [SamplingOptions.from_arguments(**sampling).to_vllm()] * count
        if len(each) != count:
            raise SamplingError(f"each has {len(each)} entries for {count} conversations: pass one for each.")
        return [SamplingOptions.from_arguments(**{**sampling, **own}).to_vllm() for own in each]

    def _adapter_for_each(self, adapters: AdapterChoice | Sequence[AdapterChoice], count: int) -> list[AdapterChoice]:
        choices = list(adapters) if isinstance(adapters, list | tuple) else [adapters] * count
        if wrong := [choice for choice in choices if not isinstance(choice, str | None)]:
            raise InferenceError(
                f"An adapter is chosen by the name that it was loaded under, or None; got {wrong[0]!r}."
            )
        if len(choices) != count:
            raise InferenceError(f"adapters has {len(choices)} entries for {count} conversations: give one for each.")
        names = [self._default_adapter if choice is DEFAULT_ADAPTER else choice for choice in choices]
        for name in {name for name in names if name is not None}:
            self._adapters.get(name)
        return names

    def _prompts(self, conversations: Sequence[Sequence[Message]], adapters: Sequence[AdapterChoice]) -> list[Any]:
        prompts = []
        for number, (messages, adapter) in enumerate(zip(conversations, adapters, strict=True)):
            try:
                prompts.append(self._prompt(messages, adapter))
            except ChatError as error:
                if len(conversations) == 1:
                    raise
                raise type(error)(f"conversations[{number}]: {error}") from error
        return prompts

    def _prompt(self, messages: Sequence[Message], adapter: AdapterChoice) -> Any:
        from vllm.inputs import TokensPrompt

        token_ids = self._chat_formats[adapter].token_ids(messages)
        check_length(len(token_ids), self.max_model_len)
        return TokensPrompt(prompt_token_ids=token_ids)

    def lora_request(self, adapter: AdapterChoice) -> Any:
        """Returns what vLLM's own methods take for a loaded adapter; None for the base model."""
        return None if adapter is None else self._adapters.get(adapter).request

    def _rows_for_one_call(self, names: Sequence[AdapterChoice]) -> list[list[int]]:
        """Rows that may share an engine call: all, or those of one adapter where mixing gives wrong text."""
        groups: dict[AdapterChoice, list[int]] = {}
        for row, name in enumerate(names):
            groups.setdefault(None if self._mixes_adapters else name, []).append(row)
        return list(groups.values())

    def _check_open(self) -> None:
        if self.llm is None:
            raise InferenceError("This engine is closed. Make a new VLLMInferenceWithLoRA.")

    def _check_idle(self) -> None:
        self._check_open()
        if self._streaming:
            raise InferenceError("A stream is open on this engine: read it to its end, or close() it, first.")

    # Life

    def close(self) -> None:
        """Ends the engine and frees its memory; a second call does nothing."""
        if self.llm is not None:
            self._end_engine()
            self.llm = None
        self._log.close()
        gc.collect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


if __name__ == "__main__":
    from text_to_sql.command_line import main

    sys.exit(main())
