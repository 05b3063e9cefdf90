"""Runs SQL that nobody has checked on a database that must stay as it is."""
