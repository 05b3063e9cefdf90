"""A block's hash names all tokens from the start of the sequence to the end of the block, and who may share them."""

from hypothesis import given
from hypothesis import strategies as st

from paged_sim import Request
from paged_sim.block_hash import DIGEST_BYTES, extend_block_hashes, hash_block, root_hash

TOKENS = st.lists(st.integers(0, 2**32 - 1), max_size=40)


def hashes_of(token_ids: list[int], block_size: int = 4, root: bytes = b"") -> list[bytes]:
    """Returns the hashes of the full blocks of a sequence."""
    hashes: list[bytes] = []
    extend_block_hashes(hashes, root, token_ids, block_size)
    return hashes


def test_only_full_blocks_have_hashes() -> None:
    assert [len(hashes_of(list(range(n)))) for n in (0, 3, 4, 7, 8, 9)] == [0, 0, 1, 1, 2, 2]


def test_equal_prefixes_have_equal_hashes_as_far_as_they_go() -> None:
    first, second = hashes_of([1, 2, 3, 4, 5, 6, 7, 8]), hashes_of([1, 2, 3, 4, 5, 6, 7, 9])
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_equal_tokens_behind_different_ones_have_different_hashes() -> None:
    first, second = hashes_of([1, 2, 3, 4, 5, 6, 7, 8]), hashes_of([0, 2, 3, 4, 5, 6, 7, 8])
    assert first[1] != second[1]


def test_the_same_block_twice_in_a_sequence_has_two_hashes() -> None:
    first, second = hashes_of([1, 2, 3, 4, 1, 2, 3, 4])
    assert first != second


def test_the_order_of_tokens_matters() -> None:
    assert hashes_of([1, 2, 3, 4]) != hashes_of([2, 1, 3, 4])


def test_tokens_do_not_run_into_each_other() -> None:
    assert hash_block(b"", [1, 23]) != hash_block(b"", [12, 3])
    assert hash_block(b"", [0]) != hash_block(b"", [0, 0])


def test_tokens_of_32_bits_are_told_apart() -> None:
    assert hash_block(b"", [0]) != hash_block(b"", [2**32 - 1])
    assert hash_block(b"", [1]) != hash_block(b"", [2**31 + 1])


def test_adapter_and_salt_separate_requests_independently() -> None:
    names = (None, "a", "b", "None", "")
    roots = {root_hash(lora_name, cache_salt) for lora_name in names for cache_salt in names}
    assert len(roots) == len(names) ** 2


def test_the_root_separates_all_blocks() -> None:
    token_ids = list(range(12))
    plain, salted = hashes_of(token_ids), hashes_of(token_ids, root=root_hash(cache_salt="s"))
    assert not set(plain) & set(salted)


def test_a_hash_has_16_bytes() -> None:
    assert {len(block_hash) for block_hash in hashes_of(list(range(8)))} == {DIGEST_BYTES} == {16}
    assert len(root_hash("adapter", "salt")) == 16


@given(token_ids=TOKENS, block_size=st.integers(1, 5), cut=st.integers(0, 40))
def test_hashes_grow_with_the_sequence(token_ids: list[int], block_size: int, cut: int) -> None:
    hashes = hashes_of(token_ids[:cut], block_size)
    before = list(hashes)
    extend_block_hashes(hashes, b"", token_ids, block_size)
    assert hashes[: len(before)] == before
    assert hashes == hashes_of(token_ids, block_size)


@given(token_ids=TOKENS, other=TOKENS, block_size=st.integers(1, 5))
def test_hashes_agree_exactly_where_tokens_do(token_ids: list[int], other: list[int], block_size: int) -> None:
    both = zip(hashes_of(token_ids, block_size), hashes_of(other, block_size), strict=False)
    for index, (first, second) in enumerate(both):
        end = (index + 1) * block_size
        assert (first == second) == (token_ids[:end] == other[:end])


def test_a_request_has_hashes_for_its_answer_too() -> None:
    request = Request("a", [1, 2, 3], max_tokens=5)
    assert request.block_hashes(2) == hashes_of([1, 2], 2, root_hash())
    request.append_output_token_ids([4, 5])
    assert request.block_hashes(2) == hashes_of([1, 2, 3, 4], 2, root_hash())


def test_a_request_has_hashes_for_each_block_size() -> None:
    request = Request("a", list(range(8)), max_tokens=1, lora_name="sql", cache_salt="tenant")
    root = root_hash("sql", "tenant")
    assert request.block_hashes(4) == hashes_of(list(range(8)), 4, root)
    assert request.block_hashes(3) == hashes_of(list(range(8)), 3, root)
    assert request.block_hashes(4) == hashes_of(list(range(8)), 4, root)
