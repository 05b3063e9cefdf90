"""Execution accuracy: is a query right, judged by what it returns on several databases."""
