"""The rules of a step: who computes how many tokens, who shares blocks, and who is admitted."""

from paged_sim import Request, RequestStatus
from tests.paged_sim.scheduler_steps import SAMPLED, add, scheduled, scheduler_of, step

# Prefill and decode are the same.


def test_a_prompt_is_computed_in_one_step_and_its_tokens_count_at_once() -> None:
    scheduler = scheduler_of()
    request = add(scheduler, "a", prompt=6)
    result = scheduler.schedule()
    assert result.num_scheduled_tokens == {"a": 6}
    assert result.new_block_ids == {"a": [1, 2]}
    assert result.admitted == ["a"]
    assert (request.status, request.num_computed_tokens) == (RequestStatus.RUNNING, 6)


def test_a_decode_computes_one_token_and_reports_only_new_blocks() -> None:
    scheduler = scheduler_of()
    add(scheduler, "a", prompt=6)
    step(scheduler)
    results = [step(scheduler) for _ in range(4)]
    assert [result.num_scheduled_tokens for result in results] == [{"a": 1}] * 4
    assert [result.new_block_ids for result in results] == [{"a": []}, {"a": []}, {"a": [3]}, {"a": []}]
    assert [result.admitted for result in results] == [[]] * 4


def test_a_token_of_a_request_that_has_not_caught_up_is_ignored() -> None:
    scheduler = scheduler_of(max_num_batched_tokens=4)
    request = add(scheduler, "a", prompt=6)
    scheduler.update(scheduler.schedule(), {"a": SAMPLED})
    assert request.num_output_tokens == 0
    scheduler.update(scheduler.schedule(), {"a": SAMPLED})
    assert request.output_token_ids == [SAMPLED]


def test_an_empty_scheduler_schedules_nothing() -> None:
    scheduler = scheduler_of()
    result = step(scheduler)
    assert (result.num_scheduled_tokens, result.total_num_scheduled_tokens) == ({}, 0)
    assert not scheduler.has_unfinished_requests


# The budget.


def test_a_prompt_beyond_the_budget_is_split() -> None:
    scheduler = scheduler_of(max_num_batched_tokens=8)
    add(scheduler, "a", prompt=6)
    add(scheduler, "b", prompt=6)
    results = [step(scheduler) for _ in range(3)]
    assert [result.num_scheduled_tokens for result in results] == [{"a": 6, "b": 2}, {"a": 1, "b": 4}, {"a": 1, "b": 1}]
    assert [result.total_num_scheduled_tokens for result in results] == [8, 5, 2]


def test_running_requests_are_served_before_waiting_ones() -> None:
    scheduler = scheduler_of(max_num_batched_tokens=4)
    add(scheduler, "a", prompt=10)
    assert scheduled(scheduler, 1) == [{"a": 4}]
    add(scheduler, "b", prompt=2)
    assert scheduled(scheduler, 3) == [{"a": 4}, {"a": 2, "b": 2}, {"a": 1, "b": 1}]


def test_nothing_is_admitted_without_budget() -> None:
    scheduler = scheduler_of(max_num_batched_tokens=4)
    add(scheduler, "a", prompt=4)
    add(scheduler, "b", prompt=1)
    assert scheduled(scheduler, 2) == [{"a": 4}, {"a": 1, "b": 1}]


def test_without_chunked_prefill_a_prompt_beyond_the_budget_waits() -> None:
    settings = {"max_num_batched_tokens": 8, "max_model_len": 8}
    scheduler = scheduler_of(enable_chunked_prefill=False, **settings)
    add(scheduler, "a", prompt=5, max_tokens=3)
    add(scheduler, "b", prompt=4, max_tokens=3)
    add(scheduler, "c", prompt=1, max_tokens=3)
    assert scheduled(scheduler, 2) == [{"a": 5}, {"a": 1, "b": 4, "c": 1}]


def test_without_chunked_prefill_a_prompt_of_what_is_left_is_computed() -> None:
    scheduler = scheduler_of(enable_chunked_prefill=False, max_num_batched_tokens=8, max_model_len=8)
    add(scheduler, "a", prompt=5, max_tokens=3)
    add(scheduler, "b", prompt=3, max_tokens=3)
    assert scheduled(scheduler, 1) == [{"a": 5, "b": 3}]


def test_no_more_than_max_num_seqs_requests_run() -> None:
    scheduler = scheduler_of(max_num_seqs=2)
    for request_id in "abc":
        add(scheduler, request_id, prompt=2, max_tokens=2)
    assert scheduled(scheduler, 3) == [{"a": 2, "b": 2}, {"a": 1, "b": 1}, {"c": 2}]


# The threshold for long prefills.


def test_a_lone_request_is_not_capped_by_the_threshold() -> None:
    scheduler = scheduler_of(long_prefill_token_threshold=3)
    add(scheduler, "a", prompt=10)
    assert scheduler.longest_chunk == 0
    assert scheduled(scheduler, 1) == [{"a": 10}]


def test_requests_beside_others_are_capped_by_the_threshold() -> None:
    scheduler = scheduler_of(long_prefill_token_threshold=3)
    add(scheduler, "a", prompt=5)
    add(scheduler, "b", prompt=2)
    assert scheduler.longest_chunk == 3
    assert scheduled(scheduler, 2) == [{"a": 3, "b": 2}, {"a": 2, "b": 1}]


def test_a_waiting_request_is_enough_for_the_threshold_to_hold() -> None:
    scheduler = scheduler_of(long_prefill_token_threshold=3, max_num_seqs=1)
    add(scheduler, "a", prompt=5)
    add(scheduler, "b", prompt=2)
    assert scheduled(scheduler, 2) == [{"a": 3}, {"a": 2}]


def test_the_threshold_caps_what_is_left_after_the_hit() -> None:
    scheduler = scheduler_of(long_prefill_token_threshold=3)
    scheduler.add_request(Request("a", range(9), max_tokens=4))
    step(scheduler)
    scheduler.add_request(Request("b", range(14), max_tokens=4))
    assert scheduled(scheduler, 1) == [{"a": 1, "b": 3}]


# Sharing.


def test_requests_of_the_same_step_share_their_prefix() -> None:
    scheduler = scheduler_of()
    for request_id in "ab":
        scheduler.add_request(Request(request_id, range(9), max_tokens=4))
    result = step(scheduler)
    assert result.num_scheduled_tokens == {"a": 9, "b": 1}
    assert result.new_block_ids == {"a": [1, 2, 3], "b": [1, 2, 4]}
    assert [request.num_computed_tokens for request in scheduler.running] == [9, 9]


def test_a_prompt_cached_whole_computes_its_last_block_again() -> None:
    scheduler = scheduler_of()
    for request_id in "ab":
        scheduler.add_request(Request(request_id, range(8), max_tokens=4))
    result = step(scheduler)
    assert result.num_scheduled_tokens == {"a": 8, "b": 4}
    assert result.new_block_ids == {"a": [1, 2], "b": [1, 3]}


def test_a_hit_leaves_budget_to_others() -> None:
    scheduler = scheduler_of(max_num_batched_tokens=12)
    for request_id in "abc":
        scheduler.add_request(Request(request_id, range(10), max_tokens=4))
    assert scheduled(scheduler, 1) == [{"a": 10, "b": 2}]


def test_the_blocks_of_a_finished_request_are_hit_later() -> None:
    scheduler = scheduler_of()
    scheduler.add_request(Request("a", range(9), max_tokens=1))
    step(scheduler)
    assert scheduler.manager.pool.free_block_ids() == [3, 4, 5, 6, 7, 8, 9, 10, 2, 1]
    scheduler.add_request(Request("b", range(9), max_tokens=1))
    assert step(scheduler).new_block_ids == {"b": [1, 2, 3]}


# Admission.


def test_the_gate_admits_only_what_fits_whole() -> None:
    scheduler = scheduler_of(num_blocks=5, max_model_len=16, long_prefill_token_threshold=4)
    for request_id in "abc":
        add(scheduler, request_id, prompt=12, max_tokens=2)
    # Each needs three of the four blocks. The gate is no reservation: a takes one, and b still finds three.
    assert step(scheduler).new_block_ids == {"a": [1], "b": [2]}


def test_without_the_gate_only_the_first_chunk_must_fit() -> None:
    settings = {"max_model_len": 16, "long_prefill_token_threshold": 4, "scheduler_reserve_full_isl": False}
    scheduler = scheduler_of(num_blocks=5, **settings)
    for request_id in "abc":
        add(scheduler, request_id, prompt=12, max_tokens=2)
    assert step(scheduler).new_block_ids == {"a": [1], "b": [2], "c": [3]}


def test_a_request_that_does_not_fit_holds_up_all_behind_it() -> None:
    scheduler = scheduler_of(num_blocks=5, max_model_len=16)
    add(scheduler, "a", prompt=8, max_tokens=3)
    add(scheduler, "b", prompt=12, max_tokens=2)
    add(scheduler, "c", prompt=1, max_tokens=2)
    assert scheduled(scheduler, 4) == [{"a": 8}, {"a": 1}, {"a": 1}, {"b": 12, "c": 1}]


def test_an_admission_leaves_the_watermark_free_while_others_run() -> None:
    scheduler = scheduler_of(num_blocks=11, watermark=0.5)
    assert scheduler.manager.watermark_blocks == 5
    add(scheduler, "a", prompt=24, max_tokens=2)
    add(scheduler, "b", prompt=1, max_tokens=2)
    # The first request may leave less than the watermark, which then holds up the second.
    assert scheduled(scheduler, 3) == [{"a": 24}, {"a": 1}, {"b": 1}]
