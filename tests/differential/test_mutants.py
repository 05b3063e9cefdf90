"""The comparison with vLLM finds every fault that is planted in the simulator."""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.differential.mutants import MUTANTS
from tests.differential.mutants.hunt import hunt
from tests.differential.mutants.mutant import PACKAGE, ROOT, Mutant
from tests.differential.mutants.recording import record

FILES_WITH_RULES = {
    "block_hash.py",
    "block_pool.py",
    "free_queue.py",
    "kv_cache_manager.py",
    "prefix_cache.py",
    "prefix_cache_stats.py",
    "request.py",
    "request_queue.py",
    "scheduler.py",
}
BUDGET_LINE = "            budget -= num_tokens\n            index += 1\n"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with vLLM's runs."""
    folder = tmp_path_factory.mktemp("recordings")
    record(folder)
    return folder


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_mutant_fits_the_source_and_is_a_program(mutant: Mutant, tmp_path: Path) -> None:
    mutant.plant(tmp_path)
    planted = (tmp_path / PACKAGE / mutant.file).read_text(encoding="utf-8")
    assert planted != (ROOT / PACKAGE / mutant.file).read_text(encoding="utf-8")
    compile(planted, mutant.file, "exec")


def test_every_file_with_rules_has_mutants() -> None:
    assert {mutant.file for mutant in MUTANTS} == FILES_WITH_RULES


def test_no_two_mutants_are_the_same() -> None:
    times = Counter((mutant.file, mutant.old, mutant.new) for mutant in MUTANTS)
    assert [fault for fault, count in times.items() if count > 1] == []
    assert len({mutant.rule for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("old", ["no such text", "return"])
def test_a_mutant_that_the_source_has_outgrown_says_so(old: str, tmp_path: Path) -> None:
    times = (ROOT / PACKAGE / "prefix_cache.py").read_text(encoding="utf-8").count(old)
    expected = (
        f"mutant 'Some rule.': its old text must occur once in paged_sim/prefix_cache.py, but occurs {times} times; "
        f"update the mutant. The text:\n{old}"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        Mutant("Some rule.", "prefix_cache.py", old, "").plant(tmp_path)


@pytest.mark.slow
def test_without_a_fault_nothing_differs(recordings: Path) -> None:
    assert hunt(Mutant("No fault.", "scheduler.py", BUDGET_LINE, BUDGET_LINE), recordings) is None


@pytest.mark.slow
def test_the_comparison_finds_every_fault(recordings: Path) -> None:
    # Each is hunted in a process of its own, which keeps one core busy.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        kills = list(pool.map(lambda mutant: hunt(mutant, recordings), MUTANTS))
    survivors = [mutant.rule for mutant, kill in zip(MUTANTS, kills, strict=True) if kill is None]
    assert survivors == [mutant.rule for mutant in MUTANTS if mutant.equivalent]


@pytest.mark.slow
def test_a_crash_gives_a_mutant_away(recordings: Path) -> None:
    kill = hunt(Mutant("It runs.", "scheduler.py", BUDGET_LINE, "            1 / 0\n"), recordings)
    assert kill is not None
    assert kill.difference == "ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_going_round_in_circles_gives_a_mutant_away(recordings: Path) -> None:
    endless = Mutant("It ends.", "scheduler.py", BUDGET_LINE, "            while True:\n                pass\n")
    kill = hunt(endless, recordings, longest_s=5)
    assert kill is not None
    assert kill.difference == "no end after 5 s"


@pytest.mark.slow
def test_a_mutant_that_is_no_program_is_an_error(recordings: Path) -> None:
    mutant = Mutant("It is written well.", "scheduler.py", BUDGET_LINE, "            no_such_name\n")
    with pytest.raises(RuntimeError, match=r"mutant 'It is written well\.' does not run:\n(.|\n)*NameError"):
        hunt(mutant, recordings)
