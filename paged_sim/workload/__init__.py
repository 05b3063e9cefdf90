"""Workloads: what requests ask for and when they arrive, as traces that can be saved."""
