"""What vllm.ipynb needs beside the packages that it teaches: the machine, one shared engine, exercises, live runs.

    from course import check, course_engine, find_machine

Nothing here is needed to use `vllm_offline_inference`, `paged_sim`, `text_to_sql` or `benchmarks`, which know nothing
of the course. `python -m course.rebuild` runs the notebook and stores its outputs.
"""

import inference  # noqa: F401 - prepares the environment, before the notebook imports vLLM
from course.checking import check
from course.machine import find_machine
from course.session import course_engine

__all__ = ["check", "course_engine", "find_machine"]
