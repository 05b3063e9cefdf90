"""Keys made of names are equal exactly where hashes made of tokens are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from paged_sim import Request
from paged_sim.simulation.block_keys import block_keys
from paged_sim.workload.trace import Segment, TraceRequest

SEGMENTS = st.builds(Segment, st.sampled_from("abc"), st.integers(1, 9))
REQUESTS = st.builds(
    TraceRequest,
    st.just("x"),
    st.lists(SEGMENTS, min_size=1, max_size=4).map(tuple),
    SEGMENTS,
    lora_name=st.sampled_from([None, "lora"]),
    cache_salt=st.sampled_from([None, "salt"]),
)


def _hashes(request: TraceRequest, block_size: int) -> list[bytes]:
    tokens = request.prompt_token_ids() + request.output_token_ids()
    names = {"lora_name": request.lora_name, "cache_salt": request.cache_salt}
    return Request("x", tokens, 1, **names).block_hashes(block_size)


@settings(max_examples=300, deadline=None)
@given(REQUESTS, REQUESTS, st.integers(1, 6))
def test_keys_are_equal_where_hashes_are(first: TraceRequest, second: TraceRequest, block_size: int) -> None:
    hashes = [_hashes(request, block_size) for request in (first, second)]
    keys = [
        block_keys(request, block_size, request.num_prompt_tokens + request.num_output_tokens)
        for request in (first, second)
    ]
    assert [len(chain) for chain in keys] == [len(chain) for chain in hashes]
    # The same contents may be spelled as other segments, such as "a" twice; keys may then differ where hashes agree.
    for place, (key, other) in enumerate(zip(*keys, strict=False)):
        if key == other:
            assert hashes[0][place] == hashes[1][place]
        elif _differ(first, second, (place + 1) * block_size):
            assert hashes[0][place] != hashes[1][place]


def _differ(first: TraceRequest, second: TraceRequest, num_tokens: int) -> bool:
    contents = [(request.prompt_token_ids() + request.output_token_ids())[:num_tokens] for request in (first, second)]
    return contents[0] != contents[1] or _names(first) != _names(second)


def _names(request: TraceRequest) -> tuple[str | None, str | None]:
    return request.lora_name, request.cache_salt


def test_the_next_turn_of_a_chat_has_the_keys_of_the_turn_before() -> None:
    turn = TraceRequest("1", (Segment("system", 10), Segment("question", 3)), Segment("answer", 9))
    following = TraceRequest("2", (*turn.prompt, turn.output, Segment("more", 5)), Segment("second answer", 4))
    assert block_keys(following, 4, 30)[:5] == block_keys(turn, 4, 22)
    salted = TraceRequest("3", turn.prompt, turn.output, cache_salt="salt")
    assert not set(block_keys(salted, 4, 22)) & set(block_keys(turn, 4, 22))


def test_a_cut_answer_has_fewer_keys() -> None:
    request = TraceRequest("x", (Segment("p", 10),), Segment("a", 10))
    assert block_keys(request, 4, 20)[:3] == block_keys(request, 4, 13)
    assert len(block_keys(request, 4, 7)) == 1
