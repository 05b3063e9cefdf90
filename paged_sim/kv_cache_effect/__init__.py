"""What a KV cache saves: the work of generating text with and without one, counted, checked and timed.

Without a cache, every step sends the whole text so far through the model again to get one more token. With a cache, a
step sends the one new token, because the keys and values of all earlier ones were kept. For n tokens after a prompt of
p tokens, in one request:

| | without a cache | with a cache |
|---|---|---|
| tokens through the weight matrices | n p + n (n - 1) / 2: quadratic in n | p + n - 1: linear |
| pairs of query and key in attention | cubic in n | quadratic in n |
| passes that read all weights | n | n |
| tokens whose keys and values are kept | none | p + n - 1: linear |

So the cache saves operations and not the reading of weights, and it pays with memory. This turns the character of
generation around. A pass over t tokens does 2 t operations with every weight that it reads: t for each byte of a 16-bit
weight. An NVIDIA H100 can do 295 in the time of reading a byte (989 TFLOP/s of dense bfloat16 and 3.35 TB/s, by its
data sheet). Without a cache t is the length of the text, and once that is above 295 the arithmetic is the limit. With a
cache t is 1: decoding is memory-bound, its arithmetic idles while weights, keys and values arrive. Serving several
requests in one pass shares the reading of the weights, and how many fit is decided by the memory that their keys and
values take, which is what PagedAttention is about. It also means that time shrinks less than operations do, and on an
H100 hardly at all for short texts; a core of a CPU does far fewer operations per byte, and gains from the first tokens.

What this does not show: batches, quantised weights or caches, and attention that skips what the causal mask hides
(half of its pairs in a prefill), which all change constants; speculative decoding; and how fast any machine is.
Counted bytes are those that must move if no weight stays in a processor's cache from pass to pass; activations are left
out.

`model_shape` and `counted_work` hold the formulas, `numpy_model` a decoder that really runs and counts as it goes,
`generation` the loop in which the cache is kept or thrown away, `curve` the clock.
"""
