"""The commands of `python -m paged_sim`, a module each."""
