"""One engine that answers parts: what Ray Data runs in a process of its own, on any machine."""

import logging
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batch_inference.answering import answer_conversations, answer_questions
from batch_inference.answers import AnswerFields, failed_answer, write_answers
from batch_inference.cores import claim_cores
from batch_inference.errors import RowError
from batch_inference.input_files import read_part
from batch_inference.output_folder import OutputFolder
from batch_inference.parts import Part
from batch_inference.rows import Row, RowRules, Task, id_of
from inference.errors import EngineEndedError, InferenceError
from inference.process_memory import process_tree_memory
from inference.sampling import SamplingOptions
from text_to_sql.scoring.predict import AskingOptions

logger = logging.getLogger(__name__)
# A machine may be lost, and Ray hands its part out again; but a part may also be what ends the process each time.
_MOST_TRIES = 2


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """What an engine needs to know; it is sent to its machine.

    Attributes:
        base_model: folder or name.
        adapters: folder of each adapter by name.
        engine: further arguments of `VLLMInferenceWithLoRA`.
        rules: how rows are read.
        sampling: of conversations.
        asking: of questions.
        output: where answers go.
        cores: to bind the process to; 0 leaves it free.
        start_engine: starts a `VLLMInferenceWithLoRA`, without a default adapter.
    """

    base_model: str
    adapters: Mapping[str, Path]
    engine: Mapping[str, Any]
    rules: RowRules
    sampling: SamplingOptions
    asking: AskingOptions
    output: OutputFolder
    cores: int
    start_engine: Callable[["ReplicaSettings"], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one part.

    Attributes:
        number: of the part.
        rows: answered or failed, and written; 0 if the part failed.
        errors: how many of them have an error.
        replica: machine and process that answered.
        began_s, ended_s: wall time, in seconds; the start of the engine is before.
        memory_bytes: of the replica's processes after it, shared pages counted in proportion.
        failure: why the part could not be answered; empty if it was.
        is_final: whether no other part will do better, as where the engine does not start.
    """

    number: int
    rows: int = 0
    errors: int = 0
    replica: str = ""
    began_s: float = 0.0
    ended_s: float = 0.0
    memory_bytes: int = 0
    failure: str = ""
    is_final: bool = False


class _NoEngineError(Exception):
    """The engine does not start, and hardly will for another part."""


class Replica:
    """Answers one part at a time. The engine starts with the first; one that has ended is started again, once a part.

    Args:
        settings: of the engine.
    """

    def __init__(self, settings: ReplicaSettings) -> None:
        self._settings = settings
        self._llm: Any = None
        if settings.cores:
            # Without cores of its own a replica is only slower.
            with suppress(OSError):
                claim_cores(settings.cores)

    def __call__(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Answers a part and writes its file.

        Args:
            item: `number` of the part, and the fields of `Part`.

        Returns:
            The fields of an `Outcome`.
        """
        number, part = item["number"], Part(**{name: value for name, value in item.items() if name != "number"})
        try:
            return asdict(self._take_up(number, part))
        except _NoEngineError as error:
            return asdict(Outcome(number, failure=str(error), is_final=True))
        except Exception as error:  # whatever it is, the other parts can do without this one
            logger.exception("%s from row %d on", part.name, part.first_row)
            where = f"{part.name} from row {part.first_row} on"
            return asdict(Outcome(number, failure=f"{where}: {type(error).__name__}: {error}"))

    def _take_up(self, number: int, part: Part) -> Outcome:
        tries = self._settings.output.count_try(number)
        if tries > _MOST_TRIES:
            failure = f"The replica's process ended each of the {_MOST_TRIES} times that it answered {part.name}"
            return Outcome(number, failure=f"{failure} from row {part.first_row} on: see Ray's log.")
        self._start()
        return self._answer_and_write(number, part)

    def _start(self) -> None:
        if self._llm is not None:
            return
        try:
            self._llm = self._settings.start_engine(self._settings)
        except InferenceError as error:
            raise _NoEngineError(str(error)) from error
        except Exception as error:
            raise _NoEngineError(f"The engine did not start. {type(error).__name__}: {error}") from error

    def _answer_and_write(self, number: int, part: Part) -> Outcome:
        began = time.time()
        try:
            answers = self._answer(part)
        except EngineEndedError:
            self._llm.close()
            self._llm = None
            self._start()
            answers = self._answer(part)
        settings = self._settings
        write_answers(settings.output.part(number), settings.rules.task, answers)
        settings.output.forget_tries(number)
        errors = sum(1 for answer in answers if answer.get("error"))
        this = f"{platform.node()}:{os.getpid()}"
        return Outcome(number, len(answers), errors, this, began, time.time(), process_tree_memory())

    def _answer(self, part: Part) -> list[AnswerFields]:
        answers: list[AnswerFields | None] = []
        rows: list[Row] = []
        for place, fields in read_part(part):
            row_id = id_of(fields, place)
            try:
                rows.append(self._settings.rules.read(row_id, fields))
                answers.append(None)
            except RowError as error:
                answers.append(failed_answer(row_id, error))
        asked = iter(self._ask(rows))
        return [next(asked) if answer is None else answer for answer in answers]

    def _ask(self, rows: list[Any]) -> list[AnswerFields]:
        if self._settings.rules.task is Task.CHAT:
            return answer_conversations(self._llm, rows, self._settings.sampling)
        return answer_questions(self._llm, rows, self._settings.asking)


def start_vllm(settings: ReplicaSettings) -> Any:
    """Returns a running engine that has loaded all adapters; none answers by default."""
    from vllm_offline_inference import VLLMInferenceWithLoRA

    lora = {"enable_lora": True, "max_adapters": len(settings.adapters)} if settings.adapters else {}
    llm = VLLMInferenceWithLoRA(settings.base_model, **lora, **settings.engine)
    try:
        for name, folder in settings.adapters.items():
            llm.load_adapter(name, folder)
    except BaseException:
        llm.close()
        raise
    return llm
