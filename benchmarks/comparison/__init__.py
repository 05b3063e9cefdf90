"""Transformers against vLLM on the same work: engines, tracks, measurements, records, tables and plots."""
