"""Where the adapter lies that `text_to_sql.train` made for this repository."""

from pathlib import Path

BUNDLED_ADAPTER = Path(__file__).resolve().parent.parent / "checkpoint-100"
