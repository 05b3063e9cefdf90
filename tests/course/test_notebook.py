"""vllm.ipynb as it is stored: whole, in order, honest, and every part of it can be run alone."""

import ast
import builtins
import re

import pytest
from nbformat import NotebookNode

from course.checking import check_exercise
from course.exercises import EXERCISES
from course.notebook import NOTEBOOK, code_cells, read_notebook, tags, text_cells
from tests.course.prose import numbers_in_prose, orphans, parts
from tests.course.prose_numbers import computed_numbers

TITLES = [
    "Part 1 · vLLM basics (PagedAttention, KV cache)",
    "Part 1.5 · PagedAttention simulator lab",
    "Part 2 · Basic use of vLLM",
    "Part 2.5 · KV cache performance simulator",
    "Part 3 · Chat prompts",
    "Part 4 · LoRA adapters (runtime, several at once, merged)",
    "Part 5 · Benchmark",
    "Part 6 · A Text-to-SQL system",
]
PARTS = [title.split(" ")[1] for title in TITLES]
NOT_DONE = "not answered yet"


@pytest.fixture(scope="module")
def notebook() -> NotebookNode:
    return read_notebook()


def cell(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def solutions(notebook: NotebookNode) -> dict[str, str]:
    """The code of each folded solution, by the name of the function that it defines last."""
    found = {}
    for text in text_cells(notebook):
        for code in re.findall(r"<summary>Solution</summary>\s*```python\n(.*?)```", text.source, re.DOTALL):
            functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
            found[functions[-1].name] = code
    return found


def stubs(notebook: NotebookNode) -> dict[str, ast.FunctionDef]:
    """The function that each exercise's cell leaves open, by its name."""
    functions = [
        node
        for one in code_cells(notebook)
        if re.search(r"^check\(\w+\)$", one.source, re.MULTILINE)
        for node in ast.parse(one.source).body
        if isinstance(node, ast.FunctionDef)
    ]
    return {function.name: function for function in functions}


def test_it_has_the_eight_parts(notebook: NotebookNode) -> None:
    found = re.findall(r"^# (Part .*)$", "\n".join(one.source for one in text_cells(notebook)), re.MULTILINE)
    assert found == TITLES
    assert list(parts(notebook)) == ["0", *PARTS]


def test_ids_say_what_cells_are_about(notebook: NotebookNode) -> None:
    ids = [one.id for one in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{2,40}", one) for one in ids)


def test_the_stored_run_is_one_run_without_errors(notebook: NotebookNode) -> None:
    counts = [one.execution_count for one in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [(one.id, output) for one in code_cells(notebook) for output in one.outputs]
    assert [name for name, output in outputs if output.output_type == "error"] == []
    assert [name for name, output in outputs if output.get("name") == "stderr"] == []


def test_nothing_of_the_machine_it_ran_on_is_stored(notebook: NotebookNode) -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert re.findall(r"/(?:tmp|home|root|work)/[\w./-]*|course-\w{8}\b", text) == []
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(set(one.metadata) <= {"tags"} for one in notebook.cells)


def test_widgets_are_stored_as_still_pictures(notebook: NotebookNode) -> None:
    for name in ("lab-stepper", "lab-preempt-stepper", "sizing-calculator"):
        [output] = cell(notebook, name).outputs
        assert set(output.data) == {"image/png", "text/plain"}, name


def test_every_exercise_has_its_cell_hint_and_solution(notebook: NotebookNode) -> None:
    open_ones = stubs(notebook)
    assert set(open_ones) == set(solutions(notebook)) == set(EXERCISES)
    for name, function in open_ones.items():
        assert ast.unparse(function.body[0]) == "return ...", name
        text = cell(notebook, f"ex-{name.replace('_', '-')}").outputs[0].data["text/plain"]
        assert f"{name}: {NOT_DONE}" in text
    numbers = re.findall(r"\*\*Exercise (\d+)\.\*\*", "\n".join(one.source for one in text_cells(notebook)))
    assert numbers == [str(number) for number in range(1, len(EXERCISES) + 1)]
    hints = "\n".join(one.source for one in text_cells(notebook)).count("<summary>Hint</summary>")
    assert hints == len(EXERCISES)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_folded_solution_passes_its_check(notebook: NotebookNode, name: str) -> None:
    scope: dict[str, object] = {"np": __import__("numpy")}
    exec(solutions(notebook)[name], scope)
    result = check_exercise(name, EXERCISES[name], scope[name])  # type: ignore[arg-type]
    assert result.passed, result


@pytest.mark.parametrize("name", EXERCISES)
def test_stub_and_solution_have_one_signature(notebook: NotebookNode, name: str) -> None:
    [solution] = [node for node in ast.parse(solutions(notebook)[name]).body if isinstance(node, ast.FunctionDef)]
    stub = stubs(notebook)[name]
    assert ast.unparse(stub.args) == ast.unparse(solution.args)
    assert ast.unparse(stub.returns) == ast.unparse(solution.returns)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_stands_alone(notebook: NotebookNode, part: str) -> None:
    """Whatever a cell uses is defined in its own part, at or above it: a restart costs one start cell."""
    defined = set(dir(builtins))
    for one in parts(notebook)[part]:
        if one.cell_type != "code":
            continue
        tree = ast.parse(one.source)
        defined |= names_defined(tree)
        lacking = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - defined
        assert lacking == set(), f"{one.id} uses {lacking}"


def names_defined(tree: ast.AST) -> set[str]:
    """Names that a cell binds anywhere: by assignment, import, def, a loop, `with` or a comprehension."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names


@pytest.mark.parametrize("part", PARTS)
def test_cells_that_need_the_engine_say_what_to_rerun(notebook: NotebookNode, part: str) -> None:
    for one in parts(notebook)[part]:
        if one.cell_type != "code":
            continue
        uses = any(
            isinstance(node, ast.Name) and node.id in ("llm", "asker") for node in ast.walk(ast.parse(one.source))
        )
        start = one.source.startswith(f"# Start of Part {part}\n")
        if uses and not start:
            assert one.source.startswith(f'# uses llm (cell "Start of Part {part}")\n'), one.id


def test_every_part_begins_with_its_start_cell(notebook: NotebookNode) -> None:
    for part in PARTS:
        first = next(one for one in parts(notebook)[part] if one.cell_type == "code")
        assert first.source.startswith(f"# Start of Part {part}\n")
        assert first.id == f"part-{part.replace('.', '-')}-start"


def test_numbers_in_the_prose_are_computed_somewhere(notebook: NotebookNode) -> None:
    assert orphans(notebook, computed_numbers()) == []


def test_numbers_that_no_cell_prints_stand_in_their_text(notebook: NotebookNode) -> None:
    for name, numbers in computed_numbers().items():
        written = re.findall(r"\d[\d,]*(?:\.\d+)?", cell(notebook, name).source)
        missing = [number for number in numbers if number not in [one.rstrip(",") for one in written]]
        assert missing == [], f"{name}: computed as {missing}, which the text has not"


def test_a_number_that_nobody_computes_is_found(notebook: NotebookNode) -> None:
    cell(notebook, "gqa-read").source += " It is 4,711 times as fast, and 3.14 times as nice."
    try:
        assert orphans(notebook, computed_numbers()) == ["gqa-read: 4,711", "gqa-read: 3.14"]
    finally:
        cell(notebook, "gqa-read").source = cell(read_notebook(), "gqa-read").source


def test_which_numbers_claim_something() -> None:
    text = (
        "Part 2.5 of `x = 99` shows 1,024 blocks on an H100 with 3 heads, $r = 64$ and SmolLM2-1.7B in 16 bits: 0.5 s."
    )
    assert numbers_in_prose(text) == ["1,024", "0.5"]


def test_cells_are_short(notebook: NotebookNode) -> None:
    lengths = sorted(len(one.source.splitlines()) for one in code_cells(notebook))
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[-1] <= 36
    words = sorted(
        len(re.sub(r"<details>.*?</details>", "", one.source, flags=re.DOTALL).split()) for one in text_cells(notebook)
    )
    assert words[len(words) // 2] <= 45


def test_only_cells_that_show_this_machine_may_vary(notebook: NotebookNode) -> None:
    varying = [one.id for one in code_cells(notebook) if "varies" in tags(one)]
    assert len(varying) <= 12, varying
