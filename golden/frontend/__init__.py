"""The front end: what people bring to the codec, and what they look at. The codec imports nothing of it."""
