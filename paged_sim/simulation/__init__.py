"""Whole traces run through the scheduler: step by step, or leaping to where something changes."""
