"""What the set-up cell says of a machine."""

from course.machine import Machine, find_machine

CPU = Machine("Some CPU", False, 2, 20.0, None, {"Python": "3.13.0"})
GPU = Machine("Some GPU", True, 16, 100.0, 80.0, {"Python": "3.13.0"})


def test_this_machine_is_found() -> None:
    machine = find_machine()
    assert machine.cores >= 1
    assert machine.memory_gib > 4
    assert {"Python", "torch", "transformers", "vllm"} <= set(machine.versions)


def test_a_cpu_gets_less_work_and_says_so() -> None:
    text = repr(CPU)
    assert "computes on: Some CPU, 2 cores" in text
    assert "GPU curves are shown from stored records" in text
    assert "Part 5, live: 1 and 8 requests at once, answers of 32 tokens" in text
    assert "Part 6, live: 24 of 243 reference questions are scored" in text


def test_a_gpu_gets_the_whole_work() -> None:
    text = repr(GPU)
    assert "memory: 100.0 GiB free, 80 GiB on the GPU" in text
    assert "Parts 2, 3, 4: everything runs\n" in text
    assert "1, 8 and 64 requests at once, answers of 128 tokens" in text
    assert "243 of 243 reference questions" in text


def test_a_notebook_shows_a_table() -> None:
    html = Machine("<b>", False, 2, 20.0, None, {})._repr_html_()
    assert "<table>" in html
    assert "&lt;b&gt;, 2 cores" in html


def test_too_little_memory_is_said_before_anything_starts() -> None:
    text = repr(Machine("Some CPU", False, 2, 3.0, None, {}))
    assert "Parts 2, 3, 4: too little memory: 4 GiB are needed, end other programs first" in text
