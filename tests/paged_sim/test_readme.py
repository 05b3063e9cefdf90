"""The package's README shows what its commands and snippets really print, and names files that exist."""

import re
from pathlib import Path

import pytest

import paged_sim
from paged_sim.__main__ import main

FOLDER = Path(paged_sim.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_table_of_waste_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["waste"]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    shown = TEXT.partition("<!-- python -m paged_sim waste -->\n```\n")[2].partition("```")[0].splitlines()
    assert [line.rstrip() for line in shown] == printed


def test_the_snippets_run_and_print_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = _blocks("python")
    names: dict[str, object] = {}
    exec(first, names)
    shown = TEXT.partition(f"```python\n{first}```\n\n```\n")[2].partition("```")[0]
    assert capsys.readouterr().out == shown != ""
    exec(second, names)
    assert "Percentiles(mean=" in capsys.readouterr().out
    exec(third, names)
    assert capsys.readouterr().out == ""


def test_every_file_that_is_named_exists() -> None:
    table = TEXT.partition("## Where each idea lives")[2].partition("##")[0]
    names = re.findall(r"`([\w/.]+)`", table)
    assert len(names) > 15
    assert all((FOLDER / name).exists() for name in names)


def test_every_module_of_the_core_is_named() -> None:
    table = TEXT.partition("## Where each idea lives")[2]
    internal = {"__init__.py", "__main__.py", "checks.py"}
    for path in FOLDER.iterdir():
        if path.suffix == ".py" and path.name not in internal:
            assert f"`{path.name}`" in table
        if path.is_dir() and path.name != "__pycache__":
            assert f"`{path.name}/`" in table
