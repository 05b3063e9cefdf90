"""Faults of the pass over the running requests: who computes how much, and who makes room for whom."""

from tests.differential.mutants.mutant import Mutant

RUNNING_PASS = [
    Mutant(
        "A lone request is not capped by the threshold.",
        "scheduler.py",
        "exists_other = len(self.running) + len(self.waiting) > 1",
        "exists_other = True",
    ),
    Mutant(
        "Waiting requests count among those that a long prefill would starve.",
        "scheduler.py",
        "exists_other = len(self.running) + len(self.waiting) > 1",
        "exists_other = len(self.running) > 1",
    ),
    Mutant(
        "A running request is capped by the threshold.",
        "scheduler.py",
        "self._chunk(request.num_tokens - request.num_computed_tokens, longest_chunk)",
        "self._chunk(request.num_tokens - request.num_computed_tokens, 0)",
    ),
    Mutant(
        "A waiting request is capped by the threshold.",
        "scheduler.py",
        "self._chunk(request.num_tokens - num_hit_tokens, longest_chunk)",
        "self._chunk(request.num_tokens - num_hit_tokens, 0)",
    ),
    Mutant(
        "The threshold caps what is left after the hit.",
        "scheduler.py",
        "self._chunk(request.num_tokens - num_hit_tokens, longest_chunk)",
        "max(self._chunk(request.num_tokens, longest_chunk) - num_hit_tokens, 1)",
    ),
    Mutant(
        "A running request is capped by what is left of the budget.",
        "scheduler.py",
        "num_tokens = min(num_tokens, budget)\n            if num_tokens == 0:",
        "num_tokens = min(num_tokens, self.config.max_num_batched_tokens)\n            if num_tokens == 0:",
    ),
    Mutant(
        "Running requests use up the budget.",
        "scheduler.py",
        "            budget -= num_tokens\n            index += 1\n",
        "            index += 1\n",
    ),
    Mutant(
        "Running requests go before waiting ones.",
        "scheduler.py",
        "        budget = self._schedule_running(step, self.config.max_num_batched_tokens, longest_chunk)\n"
        "        if len(step.preempted) == num_preempted_before:\n"
        "            self._schedule_waiting(step, budget, longest_chunk)\n",
        "        budget = self.config.max_num_batched_tokens\n"
        "        num_running = len(self.running)\n"
        "        self._schedule_waiting(step, budget, longest_chunk)\n"
        "        budget -= step.total_num_scheduled_tokens\n"
        "        admitted, self.running = self.running[num_running:], self.running[:num_running]\n"
        "        self._schedule_running(step, budget, longest_chunk)\n"
        "        self.running += admitted\n",
    ),
    Mutant(
        "A request admitted in an earlier step goes first.",
        "scheduler.py",
        "self.running.append(request)",
        "self.running.insert(0, request)",
    ),
    Mutant(
        "First come, first served preempts the request that was admitted last.",
        "scheduler.py",
        "return self.running[-1]",
        "return self.running[0]",
    ),
    Mutant(
        "By priority the least important request is preempted.",
        "scheduler.py",
        "return max(self.running, key=",
        "return min(self.running, key=",
    ),
    Mutant(
        "Of equally important requests the one that arrived last is preempted.",
        "scheduler.py",
        "key=lambda request: (request.priority, request.arrival_time))",
        "key=lambda request: (request.priority, -request.arrival_time))",
    ),
    Mutant(
        "Of requests of equal priority and arrival the one that was admitted first is preempted.",
        "scheduler.py",
        "return max(self.running, key=",
        "return max(self.running[::-1], key=",
    ),
    Mutant(
        "Of requests of equal priority and arrival the id does not matter.",
        "scheduler.py",
        "key=lambda request: (request.priority, request.arrival_time))",
        "key=lambda request: request.sort_key)",
    ),
    Mutant(
        "Priority preempts by priority, not by admission.",
        "scheduler.py",
        'if self.config.policy == "priority":\n            return max',
        'if self.config.policy == "none":\n            return max',
    ),
    Mutant(
        "The running pass ends when a request preempts itself.",
        "scheduler.py",
        "                if victim is request:\n                    return budget\n",
        "                if victim is request:\n                    break\n"
        "            if request.status is RequestStatus.PREEMPTED:\n                continue\n",
    ),
    Mutant(
        "A request that lacks no token is passed over, and those behind it are not.",
        "scheduler.py",
        "            if num_tokens == 0:\n                index += 1\n                continue\n",
        "            if num_tokens == 0:\n                return budget\n",
        equivalent="Each step is taken in before the next is scheduled, and a running request that has caught up gets "
        "a token then or ends; so every running request lacks a token when the pass comes to it.",
    ),
    Mutant(
        "A preempted request before the current one shifts the list.",
        "scheduler.py",
        "                index -= self.running.index(victim) < index\n",
        "",
    ),
    Mutant(
        "A victim's tokens go back to the budget.",
        "scheduler.py",
        "budget += step.num_scheduled_tokens.pop(victim.request_id, 0)",
        "step.num_scheduled_tokens.pop(victim.request_id, 0)",
    ),
    Mutant(
        "What a victim gives back does not help the current request.",
        "scheduler.py",
        "                if victim is request:\n                    return budget\n",
        "                if victim is request:\n                    return budget\n"
        "                num_tokens = min(request.num_tokens - request.num_computed_tokens, budget)\n",
    ),
    Mutant(
        "A victim that was scheduled in this step is taken out of it.",
        "scheduler.py",
        "                budget += step.num_scheduled_tokens.pop(victim.request_id, 0)\n"
        "                step.new_block_ids.pop(victim.request_id, None)\n",
        "                budget += step.num_scheduled_tokens.get(victim.request_id, 0)\n",
    ),
    Mutant(
        "As many victims are preempted as it takes.",
        "scheduler.py",
        "                if victim is request:\n                    return budget\n",
        "                return budget\n",
    ),
]
