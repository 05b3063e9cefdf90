"""Faults of what a preempted request loses, keeps, and where it waits."""

from tests.differential.mutants.mutant import Mutant

PREEMPTION = [
    Mutant(
        "A preempted request starts again from nothing.",
        "scheduler.py",
        "        request.num_computed_tokens = 0\n",
        "        request.num_computed_tokens -= 1\n",
    ),
    Mutant(
        "Preemptions are counted.",
        "scheduler.py",
        "        request.num_preemptions += 1\n",
        "",
    ),
    Mutant(
        "A preempted request keeps its answer.",
        "scheduler.py",
        "        request.num_preemptions += 1\n",
        "        request.num_preemptions += 1\n        del request.all_token_ids[request.num_prompt_tokens :]\n",
    ),
    Mutant(
        "A preempted request loses its blocks at once.",
        "scheduler.py",
        "        self._forget_sampling(request)\n        self.manager.free(request)\n        request.status",
        "        self._forget_sampling(request)\n        request.status",
    ),
    Mutant(
        "A preempted request is marked as such.",
        "scheduler.py",
        "        request.status = RequestStatus.PREEMPTED\n",
        "",
    ),
    Mutant(
        "First come, first served puts a preempted request before all others.",
        "request_queue.py",
        "self._requests.appendleft(request)",
        "self._requests.append(request)",
    ),
    Mutant(
        "Several victims of a step keep their order.",
        "request_queue.py",
        "self._requests.appendleft(request)",
        "self._requests.insert(sum(r.num_preemptions > 0 for r in self._requests), request)",
    ),
]
