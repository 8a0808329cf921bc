"""Fuzzing of the readers of ``.tsy``, ``.npz`` and ``.safetensors``: ``python -m tests.fuzz``."""
