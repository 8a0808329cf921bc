"""The front end: real models in, mixed precision, training. Extras are imported lazily; the codec needs none of it."""
