"""Measurements: each module is a command that prints a table and can write a JSON record with the raw samples."""
