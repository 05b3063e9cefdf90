"""Experiments of the PagedAttention paper (arXiv 2309.06180): its contiguous baselines, sharing, printed numbers."""
