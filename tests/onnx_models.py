"""Small ONNX models, and what the library's own evaluator says of them."""

import numpy as np

__all__ = ["model", "output", "saved"]


def model(nodes, constants, inputs, outputs, domain=None):
    """A model of nodes and named arrays; inputs and outputs are names with shapes."""
    import onnx
    from onnx import helper, numpy_helper

    def value(name, shape):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes, "g", [value(name, shape) for name, shape in inputs.items()], [value(name, None) for name in outputs],
        [array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array), name)
         for name, array in constants.items()])
    sets = [helper.make_opsetid("", 21), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=sets, ir_version=10)


def saved(path, *arguments, **more):
    """The path of a file with such a model."""
    import onnx

    onnx.save(model(*arguments, **more), path)
    return path


def output(nodes, constants, inputs, outputs, **feed):
    """The first output of such a model."""
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model(nodes, constants, inputs, outputs)).run(None, feed)[0]
