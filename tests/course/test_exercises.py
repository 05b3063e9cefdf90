"""Exercises: the right answer passes, and every known mistake fails with the sentence that explains it."""

from typing import Any

import numpy as np
import pytest

from course import check
from course.checking import check_exercise
from course.exercise import Exercise, all_close, close, equal
from course.exercises import EXERCISES, PARTS

MISTAKES = [(name, text) for name, exercise in EXERCISES.items() for text in exercise.mistakes]


def named(name: str, function: Any, parameters: list[str]) -> Any:
    """Gives a function the parameters' names of its exercise."""
    return eval(f"lambda {', '.join(parameters)}: function({', '.join(parameters)})", {"function": function})


def parameters_of(exercise: Exercise) -> list[str]:
    code = exercise.oracle.__code__
    return list(code.co_varnames[: code.co_argcount])


@pytest.mark.parametrize("name", EXERCISES)
def test_the_right_answer_passes(name: str) -> None:
    result = check_exercise(name, EXERCISES[name], EXERCISES[name].oracle)
    assert result.passed is True, result
    assert f"{name} agrees with {EXERCISES[name].source}" in repr(result)


@pytest.mark.parametrize(("name", "text"), MISTAKES)
def test_a_known_mistake_is_explained(name: str, text: str) -> None:
    exercise = EXERCISES[name]
    result = check_exercise(name, exercise, named(name, exercise.mistakes[text], parameters_of(exercise)))
    assert result.passed is False
    assert result.lines[-1] == text, result


@pytest.mark.parametrize("name", EXERCISES)
def test_a_constant_does_not_pass(name: str) -> None:
    exercise = EXERCISES[name]
    first = exercise.oracle(*exercise.cases()[0])
    assert len(exercise.cases()) >= 3
    assert check_exercise(name, exercise, named(name, lambda *_: first, parameters_of(exercise))).passed is False


@pytest.mark.parametrize("name", EXERCISES)
def test_a_forgotten_return_is_named(name: str) -> None:
    result = check_exercise(name, EXERCISES[name], named(name, lambda *_: None, parameters_of(EXERCISES[name])))
    assert result.lines == (f"{name} returns None", "Is a return missing?")


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_that_nobody_has_answered_says_so(name: str) -> None:
    result = check_exercise(name, EXERCISES[name], named(name, lambda *_: ..., parameters_of(EXERCISES[name])))
    assert result.passed is None
    assert result.lines == (f"{name}: not answered yet", "Replace the ... and run the cell again.")


def test_the_notebooks_check_finds_the_exercise_by_the_functions_name() -> None:
    def num_blocks(num_tokens: int, block_size: int) -> int:
        return num_tokens // block_size

    result = check(num_blocks)
    assert repr(result) == (
        "❌ num_blocks: not yet\n"
        "   num_blocks(num_tokens=33, block_size=16) = 3\n"
        "   yours = 2\n"
        "   The last tokens need a block too, even if they do not fill it: round up."
    )
    assert "<code>yours = 2</code>" in result._repr_html_()


def test_an_error_in_the_answer_is_shown_with_its_call() -> None:
    def num_blocks(num_tokens: int, block_size: int) -> int:
        return num_tokens // 0

    expected = "num_blocks(num_tokens=33, block_size=16) raises: integer division or modulo by zero"
    result = check(num_blocks)
    assert result.lines[0] == "num_blocks raises ZeroDivisionError"
    assert expected in result.lines[1] or "division by zero" in result.lines[1]


def test_other_parameters_are_named() -> None:
    def num_blocks(tokens: int, size: int) -> int:
        return -(-tokens // size)

    assert check(num_blocks).lines == (
        "num_blocks takes other parameters",
        "yours: ['tokens', 'size']",
        "expected: ['num_tokens', 'block_size']",
    )


@pytest.mark.parametrize("given", [len, 3, lambda: None])
def test_what_is_no_exercise_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="check takes the function of an exercise, one of kv_bytes_per_token, num_bl"):
        check(given)


def test_a_right_answer_is_drawn() -> None:
    exercise = EXERCISES["slot_of"]
    result = check_exercise("slot_of", exercise, exercise.oracle)
    assert result.picture is not None
    assert result.picture.startswith(b"\x89PNG")
    assert "data:image/png;base64," in result._repr_html_()


def test_a_wrong_answer_is_drawn_too_if_it_can_be() -> None:
    def slot_of(block_table: list[int], position: int, block_size: int) -> int:
        return position

    wrong = check(slot_of)
    assert wrong.passed is False
    assert wrong.picture is not None
    right = check_exercise("slot_of", EXERCISES["slot_of"], EXERCISES["slot_of"].oracle)
    assert wrong.picture != right.picture
    words = check_exercise("slot_of", EXERCISES["slot_of"], lambda block_table, position, block_size: "seven")
    assert (words.passed, words.lines[-1]) == (False, "yours = 'seven'")


def test_a_mistake_that_raises_is_explained_too() -> None:
    def lora_output(x: Any, weight: Any, lora_a: Any, lora_b: Any, lora_alpha: float) -> Any:
        return x @ weight + lora_alpha / len(lora_a) * (x @ lora_a.T @ lora_b.T)

    result = check(lora_output)
    assert result.lines[0] == "lora_output raises ValueError"
    assert result.lines[-1] == "Tokens are rows: a matrix [out, in] is applied as x @ weight.T."


def test_numbers_are_shown_as_people_read_them() -> None:
    def merge_blocks(a: Any, b: Any) -> Any:
        return np.float64(1 / 3), 2.0, np.array([1 / 3, 2e-7])

    assert check(merge_blocks).lines[2] == "yours = (0.333333, 2.0, [0.333333, 2e-07])"


def test_an_error_of_the_oracle_is_not_the_readers() -> None:
    def half(x: int) -> float:
        return x / 0

    exercise = Exercise(oracle=half, source="nobody", cases=lambda: [(1,)])
    with pytest.raises(ZeroDivisionError):
        check_exercise("half", exercise, lambda x: x / 2)


def test_an_answer_that_cannot_be_drawn_passes_and_says_so() -> None:
    exercise = EXERCISES["slot_of"]

    def only_the_cases(block_table: list[int], position: int, block_size: int) -> int:
        if (block_table, position, block_size) not in exercise.cases():
            raise KeyError(position)
        return exercise.oracle(block_table, position, block_size)

    result = check_exercise("slot_of", exercise, only_the_cases)
    assert result.passed is True
    assert result.picture is None
    assert result.lines[-1].startswith("Its picture asks for other inputs, on which it raises: ")


def test_an_answer_that_changes_its_arguments_spoils_no_other_case() -> None:
    def free_queue_after(free_queue: list[int], block_table: list[int], num_full_blocks: int) -> list[int]:
        answer = EXERCISES["free_queue_after"].oracle(free_queue, block_table, num_full_blocks)
        free_queue.clear()
        block_table.clear()
        return answer

    assert check(free_queue_after).passed


def test_there_are_enough_exercises_and_each_part_has_some() -> None:
    assert len(EXERCISES) >= 12
    assert all(part.EXERCISES for part in PARTS)
    assert sum(len(part.EXERCISES) for part in PARTS) == len(EXERCISES)


@pytest.mark.parametrize(
    ("same", "yours", "expected", "verdict"),
    [
        (equal, (1, 2), [1, 2], True),
        (equal, [1], [1, 2], False),
        (equal, 1, True, False),
        (equal, True, 1, False),
        (close, 1.0000001, 1.0, True),
        (close, 1.001, 1.0, False),
        (close, "one", 1.0, False),
        (close, [1.0], 1.0, False),
        (all_close, (1.0, [2.0]), [1.0, [2.0]], True),
        (all_close, 1.0, [1.0], False),
    ],
)
def test_sameness(same: Any, yours: object, expected: object, verdict: bool) -> None:
    assert same(yours, expected) is verdict


def test_the_oracles_are_those_of_the_packages() -> None:
    """Two oracles are written as formulas: here they meet the classes that they stand for."""
    from paged_sim.simulation.devices import Device
    from paged_sim.sizing.capacity import KVCacheCapacity
    from paged_sim.sizing.layout import KVCacheLayout
    from paged_sim.sizing.model_source import load_model_shape

    for model in ("SmolLM2-135M-Instruct", "Llama-3.1-8B-Instruct"):
        layout = KVCacheLayout(shape=load_model_shape(model))
        capacity = KVCacheCapacity(layout=layout, memory=2**30, max_model_len=2048)
        counted = EXERCISES["requests_at_once"].oracle(2**30, layout.bytes_per_block, layout.block_size, 500, 123)
        assert counted == capacity.requests_at_once(500, 123)
    device = Device(name="x", bytes_per_s=3e12, flops_per_s=1e30, step_overhead_s=0.0)
    cost = device.cost_model(num_parameters=10**9, kv_bytes_per_token=2 * 10**5, attention_width=1)
    step_s = cost.step_time_ps(16, 16, 16 * 1000, 16 * 1000) / 1e12
    assert EXERCISES["most_tokens_per_second"].oracle(2e9, 2e5, 1000, 16, 3e12) == pytest.approx(16 / step_s, rel=1e-3)
