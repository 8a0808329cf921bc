"""Fuzzing of the readers of all files that Tansy takes: ``python -m tests.fuzz``."""
