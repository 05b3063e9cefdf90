"""Faults of the pass over the waiting requests: who is admitted, with how many tokens, and what is reported."""

from tests.differential.mutants.mutant import Mutant

ADMISSION = [
    Mutant(
        "Nothing is admitted in a step with a preemption.",
        "scheduler.py",
        "if len(step.preempted) == num_preempted_before:",
        "if True:",
    ),
    Mutant(
        "A preemption between two steps does not keep the second from admitting.",
        "scheduler.py",
        "if len(step.preempted) == num_preempted_before:",
        "if not step.preempted:",
    ),
    Mutant(
        "Nothing is admitted when the budget is used up.",
        "scheduler.py",
        "while budget > 0 and self.waiting and",
        "while budget >= 0 and self.waiting and",
    ),
    Mutant(
        "No more than max_num_seqs requests run.",
        "scheduler.py",
        "len(self.running) < self.config.max_num_seqs:",
        "len(self.running) <= self.config.max_num_seqs:",
    ),
    Mutant(
        "Several requests are admitted in a step.",
        "scheduler.py",
        "            budget -= num_tokens\n\n",
        "            return\n\n",
    ),
    Mutant(
        "Admissions use up the budget.",
        "scheduler.py",
        "            budget -= num_tokens\n\n",
        "\n",
    ),
    Mutant(
        "An admitted request computes its tokens without the hit.",
        "scheduler.py",
        "self._chunk(request.num_tokens - num_hit_tokens, longest_chunk)",
        "self._chunk(request.num_tokens, longest_chunk)",
    ),
    Mutant(
        "A resumed request computes its answer again too.",
        "scheduler.py",
        "self._chunk(request.num_tokens - num_hit_tokens, longest_chunk)",
        "self._chunk(max(request.num_prompt_tokens - num_hit_tokens, 1), longest_chunk)",
    ),
    Mutant(
        "Without chunked prefill a prompt beyond the budget waits.",
        "scheduler.py",
        "            if num_tokens > budget and not self.config.enable_chunked_prefill:\n                return\n",
        "",
    ),
    Mutant(
        "With chunked prefill a prompt beyond the budget is split.",
        "scheduler.py",
        "if num_tokens > budget and not self.config.enable_chunked_prefill:",
        "if num_tokens > budget:",
    ),
    Mutant(
        "Without chunked prefill a prompt of exactly the budget is computed.",
        "scheduler.py",
        "if num_tokens > budget and not self.config.enable_chunked_prefill:",
        "if num_tokens >= budget and not self.config.enable_chunked_prefill:",
    ),
    Mutant(
        "The gate can be switched off by the settings.",
        "scheduler.py",
        "full_sequence_must_fit=self.config.scheduler_reserve_full_isl",
        "full_sequence_must_fit=True",
    ),
    Mutant(
        "The gate is on by the settings.",
        "scheduler.py",
        "full_sequence_must_fit=self.config.scheduler_reserve_full_isl",
        "full_sequence_must_fit=False",
    ),
    Mutant(
        "The gate is for waiting requests only.",
        "scheduler.py",
        "self.manager.allocate_slots(request, num_tokens))",
        "self.manager.allocate_slots(\n"
        "                request, num_tokens, full_sequence_must_fit=self.config.scheduler_reserve_full_isl\n"
        "            ))",
    ),
    Mutant(
        "The watermark holds while others run.",
        "scheduler.py",
        "has_scheduled_reqs=bool(self.running)",
        "has_scheduled_reqs=False",
    ),
    Mutant(
        "The watermark does not hold while nothing runs.",
        "scheduler.py",
        "has_scheduled_reqs=bool(self.running)",
        "has_scheduled_reqs=True",
    ),
    Mutant(
        "Who runs decides on the watermark, not who computes in this step.",
        "scheduler.py",
        "has_scheduled_reqs=bool(self.running)",
        "has_scheduled_reqs=bool(step.num_scheduled_tokens)",
        equivalent="The waiting pass is reached with budget left and no preemption, so the running pass visited all of "
        "the running requests. Between two steps each of them lacks a token, since one that has caught up gets its "
        "next token or ends; so each computes in this step, and the two conditions are the same.",
    ),
    Mutant(
        "A request that does not fit holds up all behind it.",
        "scheduler.py",
        "            if new_blocks is None:\n                return\n",
        "            if new_blocks is None:\n"
        "                blocked = self.waiting.pop()\n"
        "                self._schedule_waiting(step, budget, longest_chunk)\n"
        "                self.waiting.put_back(blocked)\n"
        "                return\n",
    ),
    Mutant(
        "Priority preempts nobody to admit somebody.",
        "scheduler.py",
        "            if new_blocks is None:\n                return\n",
        "            if new_blocks is None:\n"
        "                if self.running and self._victim().priority > request.priority:\n"
        "                    victim = self._victim()\n"
        "                    self.running.remove(victim)\n"
        "                    step.num_scheduled_tokens.pop(victim.request_id, 0)\n"
        "                    self._preempt(victim, step.preempted)\n"
        "                return\n",
    ),
    Mutant(
        "An admitted request's hit tokens are computed.",
        "scheduler.py",
        "        request.num_computed_tokens = num_hit_tokens\n",
        "        request.num_computed_tokens = 0\n",
    ),
    Mutant(
        "An admitted request reports its whole table.",
        "scheduler.py",
        "self.manager.ids([*hit_blocks, *new_blocks])",
        "self.manager.ids(new_blocks)",
    ),
    Mutant(
        "A running request reports its new blocks only.",
        "scheduler.py",
        "self.manager.ids(new_blocks)\n            budget -= num_tokens\n            index += 1\n",
        "self.manager.block_ids(request.request_id)\n            budget -= num_tokens\n            index += 1\n",
    ),
]
