"""``python -m hw.explore``: sweeps a network's decoders over devices and says which to take."""
