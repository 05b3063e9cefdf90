"""`check`: compares a reader's function with the oracle of its exercise, and says kindly what differs."""

import inspect
from base64 import b64encode
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import numpy as np

from course.exercise import Arguments, Exercise

# Characters of a value that are shown.
_LONGEST = 160
_MARKS = {True: "✅", False: "❌", None: "✏️"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; a notebook shows it.

    Attributes:
        passed: True, False, or None while the exercise is not answered.
        lines: what to say, the first as a heading.
        picture: PNG of the reader's own results; None for none.
    """

    passed: bool | None
    lines: tuple[str, ...]
    picture: bytes | None = None

    def __repr__(self) -> str:
        return "\n".join([f"{_MARKS[self.passed]} {self.lines[0]}", *(f"   {line}" for line in self.lines[1:])])

    def _repr_html_(self) -> str:
        head, *rest = (escape(line) for line in self.lines)
        body = "".join(f"<div><code>{line}</code></div>" if " = " in line else f"<div>{line}</div>" for line in rest)
        image = f'<img src="data:image/png;base64,{b64encode(self.picture).decode()}"/>' if self.picture else ""
        style = "border-left:4px solid #8A8A8A;padding:2px 0 2px 10px"
        return f'<div style="{style}"><div><b>{_MARKS[self.passed]} {head}</b></div>{body}{image}</div>'


def check(function: Callable[..., Any]) -> CheckResult:
    """Returns how a reader's function does on its exercise, which has the function's name; it raises for no answer.

    Args:
        function: as the notebook's exercise describes it.

    Raises:
        ValueError: there is no exercise of this name.
    """
    from course.exercises import EXERCISES

    name = getattr(function, "__name__", repr(function))
    if not callable(function) or name not in EXERCISES:
        raise ValueError(f"check takes the function of an exercise, one of {', '.join(EXERCISES)}; got {name}")
    return check_exercise(name, EXERCISES[name], function)


def check_exercise(name: str, exercise: Exercise, function: Callable[..., Any]) -> CheckResult:
    """Returns how a function does on an exercise."""
    wanted, given = (list(inspect.signature(one).parameters) for one in (exercise.oracle, function))
    if given != wanted:
        return CheckResult(False, (f"{name} takes other parameters", f"yours: {given}", f"expected: {wanted}"))
    results: list[Any] = []
    cases = exercise.cases()
    for number, arguments in enumerate(cases):
        # Outside of the try: an error of the oracle is not the reader's.
        expected = exercise.oracle(*deepcopy(arguments))
        try:
            results.append(function(*deepcopy(arguments)))
            if number == 0 and results[0] is Ellipsis:
                return CheckResult(None, (f"{name}: not answered yet", "Replace the ... and run the cell again."))
            is_right = exercise.same(results[-1], expected)
        except Exception as error:
            line = f"{_call(name, wanted, arguments)} raises: {error}"
            explained = _explanation(exercise, cases, function)
            return CheckResult(False, (f"{name} raises {type(error).__name__}", line, *explained))
        if results[-1] is None:
            return CheckResult(False, (f"{name} returns None", "Is a return missing?"))
        if not is_right:
            lines = _difference(_call(name, wanted, arguments), results[-1], expected)
            text = (f"{name}: not yet", *lines, *_explanation(exercise, cases, function))
            return CheckResult(False, text, _picture_if_possible(exercise, function))
    return _agrees(name, exercise, function, len(cases))


def _agrees(name: str, exercise: Exercise, function: Callable[..., Any], num_cases: int) -> CheckResult:
    text = f"{name} agrees with {exercise.source}, on {num_cases} inputs"
    try:
        return CheckResult(True, (text,), _picture(exercise, function))
    except Exception as error:
        return CheckResult(True, (text, f"Its picture asks for other inputs, on which it raises: {error}"))


def _difference(call: str, yours: Any, expected: Any) -> tuple[str, str]:
    return f"{call} = {_short(expected)}", f"yours = {_short(yours)}"


def _explanation(exercise: Exercise, cases: Sequence[Arguments], function: Callable[..., Any]) -> list[str]:
    """Returns what to say if the function agrees with a known mistake on all cases."""
    for text, mistake in exercise.mistakes.items():
        if all(_agree(exercise, function, mistake, arguments) for arguments in cases):
            return [text]
    return []


def _agree(exercise: Exercise, function: Callable[..., Any], mistake: Callable[..., Any], arguments: Arguments) -> bool:
    yours, theirs = _outcome(function, arguments), _outcome(mistake, arguments)
    if isinstance(yours, Exception) or isinstance(theirs, Exception):
        return type(yours) is type(theirs)
    try:
        return exercise.same(yours, theirs)
    except Exception:
        return False


def _outcome(function: Callable[..., Any], arguments: Arguments) -> Any:
    """Returns what a function returns, or the error that it raises."""
    try:
        return function(*deepcopy(arguments))
    except Exception as error:
        return error


def _picture_if_possible(exercise: Exercise, function: Callable[..., Any]) -> bytes | None:
    """Returns the picture of an answer that is wrong, and perhaps of another type, so that it cannot be drawn."""
    try:
        return _picture(exercise, function)
    except Exception:
        return None


def _picture(exercise: Exercise, function: Callable[..., Any]) -> bytes | None:
    if exercise.picture is None:
        return None
    buffer = BytesIO()
    exercise.picture(function).savefig(buffer, format="png")
    return buffer.getvalue()


def _call(name: str, parameters: Sequence[str], arguments: Arguments) -> str:
    pairs = (f"{parameter}={_short(value)}" for parameter, value in zip(parameters, arguments, strict=True))
    return f"{name}({', '.join(pairs)})"


def _short(value: Any) -> str:
    text = repr(_plain(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(value: Any) -> Any:
    """Returns a value as people read it: six digits, no types of NumPy."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
