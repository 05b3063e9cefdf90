"""Faults of what ends a step, a request, or everything at once: results, aborts, resets."""

from tests.differential.mutants.mutant import Mutant

ENDING = [
    Mutant(
        "Scheduled tokens count as computed before the model has run.",
        "scheduler.py",
        "            request.num_computed_tokens += num_tokens\n",
        "            request.num_computed_tokens += num_tokens - (num_tokens > 1)\n",
    ),
    Mutant(
        "Sampled tokens are taken in in the order of scheduling.",
        "scheduler.py",
        "        for request_id in step.sampling:\n            request = ",
        "        for request_id in reversed(step.sampling):\n            request = ",
    ),
    Mutant(
        "The end-of-sequence token ends the answer.",
        "scheduler.py",
        "if request.all_token_ids[-1] == request.eos_token_id:",
        "if False:",
    ),
    Mutant(
        "An answer ends at max_tokens.",
        "scheduler.py",
        "request.num_output_tokens >= request.max_tokens",
        "request.num_output_tokens > request.max_tokens",
    ),
    Mutant(
        "An answer does not end before max_tokens.",
        "scheduler.py",
        "request.num_output_tokens >= request.max_tokens",
        "request.num_output_tokens + 1 >= request.max_tokens",
    ),
    Mutant(
        "A request ends at max_model_len.",
        "scheduler.py",
        "request.num_tokens >= self.config.max_model_len",
        "request.num_tokens > self.config.max_model_len",
    ),
    Mutant(
        "A finished request is freed at once.",
        "scheduler.py",
        "        if self.manager.holds_blocks(request):\n            self.manager.free(request)\n",
        "",
    ),
    Mutant(
        "A finished request leaves the running ones.",
        "scheduler.py",
        "                self.running.remove(request)\n                self._finish(request, status)\n",
        "                self._finish(request, status)\n",
    ),
    Mutant(
        "Finished requests are reported with the next step.",
        "scheduler.py",
        "        self._ended.append(request.request_id)\n",
        "",
    ),
    Mutant(
        "Finished requests are reported once.",
        "scheduler.py",
        "self._preempted, self._ended = [], []",
        "self._preempted = []",
    ),
    Mutant(
        "Preemptions between two steps are reported with the second.",
        "scheduler.py",
        "SchedulerStep(preempted=self._preempted, finished=self._ended)",
        "SchedulerStep(finished=self._ended)",
    ),
    Mutant(
        "An aborted request frees its blocks.",
        "scheduler.py",
        "        self._finish(request, RequestStatus.FINISHED_ABORTED)\n",
        "        del self.requests[request_id]\n        self._ended.append(request_id)\n",
    ),
    Mutant(
        "An aborted request leaves the running ones.",
        "scheduler.py",
        "            self.running.remove(request)\n        else:\n            self.waiting.remove(request)\n",
        "            pass\n        else:\n            self.waiting.remove(request)\n",
    ),
    Mutant(
        "An aborted request leaves the waiting line.",
        "scheduler.py",
        "        else:\n            self.waiting.remove(request)\n",
        "",
    ),
    Mutant(
        "A reset that preempts starts with the request that was admitted last.",
        "scheduler.py",
        "self._preempt(self.running.pop(), self._preempted)",
        "self._preempt(self.running.pop(0), self._preempted)",
    ),
    Mutant(
        "A reset preempts only when it is told to.",
        "scheduler.py",
        "while reset_running_requests and self.running:",
        "while self.running:",
    ),
]
