"""The golden model in NumPy: quantization, tables, codec, file format and cycle model."""
