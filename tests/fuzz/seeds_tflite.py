"""Small sound TFLite models: float, int8 with one scale or many, uint8, four bits, data behind the tables."""

import numpy as np

from tests.tflite_models import Constant, Node, build

__all__ = ["tflite_models"]


def tflite_models() -> list[bytes]:
    """The bytes of each."""
    rng = np.random.default_rng(1)
    conv, dense = rng.integers(-127, 128, (2, 1, 2, 1)).astype(np.int8), rng.integers(-127, 128, (3, 2)).astype(np.int8)
    nodes = [Node("CONV_2D", ("x", "conv", "bias"), "a"), Node("FULLY_CONNECTED", ("a", "dense", ""), "y")]
    floats = {"conv": conv.astype(np.float32), "bias": np.ones(2, np.float32), "dense": dense.astype(np.float64)}
    bias = np.array([70000, -5], np.int32)
    tensors = {"conv": Constant(conv, (0.5,), (0,)), "bias": Constant(bias, (0.25,), (0,)),
               "dense": Constant(dense, (0.1,), (3,))}
    channels = {"conv": Constant(conv, (0.5, 0.25), (0, 0), 0), "bias": Constant(bias, (0.5, 0.25), (0, 0), 0),
                "dense": Constant(dense, (0.1, 0.2), (0, 0), 1)}
    unsigned = {"conv": Constant(conv.view(np.uint8), (0.5,), (128,)), "bias": bias,
                "dense": Constant(dense.view(np.uint8), (0.1,), (127,))}
    packed = np.array([0x21, 0xF8, 0x07], np.uint8)
    halves = {"half": dense.astype(np.float16), "four": Constant(packed, (0.5,), (0,), 0, "INT4", (5,)),
              "yes": Constant(np.array([1], np.uint8), kind="BOOL")}
    widened = [Node("DEQUANTIZE", ("half",), "wide"), Node("FULLY_CONNECTED", ("x", "wide", "four"), "y"),
               Node("Swirl", ("y", "four", "yes"), "z")]
    return [build(nodes, floats), build(nodes, tensors), build(nodes, channels), build(nodes, unsigned),
            build(nodes, channels, behind=True), build(widened, halves)]
