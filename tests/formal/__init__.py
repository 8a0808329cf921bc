"""Proofs about the components of `hw` by model checking; ``python -m tests.formal`` runs them."""
