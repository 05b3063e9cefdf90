"""Makes the LoRA adapter that writes SQL: what it is trained on, and how."""
