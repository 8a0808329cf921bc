"""The parts of `python -m tests.compare`: what is compared, how it is measured, and the tables."""
