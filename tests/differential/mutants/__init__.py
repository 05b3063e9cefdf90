"""Mutation tests of the comparison with vLLM: the simulator with one fault each, which the comparison must find."""

from tests.differential.mutants.admission import ADMISSION
from tests.differential.mutants.allocation import ALLOCATION
from tests.differential.mutants.contents import CONTENTS
from tests.differential.mutants.ending import ENDING
from tests.differential.mutants.mutant import Mutant
from tests.differential.mutants.pool import POOL
from tests.differential.mutants.preemption import PREEMPTION
from tests.differential.mutants.running_pass import RUNNING_PASS
from tests.differential.mutants.stats import STATS
from tests.differential.mutants.waiting_line import WAITING_LINE

SCHEDULER = [*RUNNING_PASS, *PREEMPTION, *ADMISSION, *WAITING_LINE, *ENDING]
MUTANTS: list[Mutant] = [*POOL, *CONTENTS, *ALLOCATION, *SCHEDULER, *STATS]
