"""A float32 graph → the same graph in int8 or float16.

int8 quantises graphs with convolutions statically: each output channel of a weight has its own
scale, activations are uint8, and samples calibrate their ranges (Jacob et al., "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018). One scale
for a whole weight ruins the accuracy. The first convolution and the last layer stay float32: they
are small and sensitive. int8 quantises other graphs dynamically, in LSTM and matrix products.

In both precisions the nodes before a logarithm, a spectrogram, stay float32, and in int8 so does
an optional output. The types of inputs and outputs do not change.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from app.disk import writing_temporary
from training.errors import TrainingError
from training.exporting.optional_outputs import attach_optional, detach_optional

Precision = Literal["int8", "fp16"]
Feeds = Mapping[str, np.ndarray]
_CONVOLUTIONAL = ("Conv", "Add", "MaxPool", "Clip", "Relu", "GlobalAveragePool")
_FLOAT, _HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
_OTHERS = ("LSTM", "Gemm", "MatMul")


def convert(model: bytes, precision: Precision, calibration: Sequence[Feeds]) -> bytes:
    """Return the converted graph.

    calibration: batches of the graph's inputs by name, from training data. Raises `TrainingError`
    where the graph has custom operators, or nothing that can be quantised.
    """
    graph = onnx.load_from_string(model)
    if graph.functions:
        raise TrainingError("the graph has operators of its own, which cannot be converted")
    del graph.graph.value_info[:]  # the converter stops at shapes that differ from its own
    logging.disable(logging.WARNING)  # the converter's advice
    try:
        converted = _converted(graph, precision, calibration)
    finally:
        logging.disable(logging.NOTSET)
    del converted.graph.value_info[:]
    return bytes(converted.SerializeToString(deterministic=True))


def _converted(
    graph: onnx.ModelProto, precision: Precision, calibration: Sequence[Feeds]
) -> onnx.ModelProto:
    if precision == "fp16":
        block = _before_logarithm(graph)
        converted = convert_float_to_float16(graph, keep_io_types=True, node_block_list=block)
        _keep_to_32_bits(converted)
        return converted
    return _in_whole_numbers(graph, calibration)


def _in_whole_numbers(graph: onnx.ModelProto, calibration: Sequence[Feeds]) -> onnx.ModelProto:
    present = {node.op_type for node in graph.graph.node}
    with writing_temporary("the graph to convert"), tempfile.TemporaryDirectory() as folder:
        before, ready, after = (Path(folder) / f"{i}.onnx" for i in range(3))
        optional = detach_optional(graph.graph)
        onnx.save(graph, before)
        if "Conv" in present:
            quant_pre_process(before, ready, skip_symbolic_shape=True)
            kept_float32 = _before_logarithm(onnx.load(ready))
            quantize_static(
                ready,
                after,
                _Samples(calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(_CONVOLUTIONAL),
                nodes_to_exclude=[
                    *kept_float32,
                    *_first_convolution(onnx.load(ready), kept_float32),
                ],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        elif present & set(_OTHERS):
            quantize_dynamic(
                before,
                after,
                op_types_to_quantize=list(_OTHERS),
                weight_type=QuantType.QInt8,
            )
        else:
            raise TrainingError(f"the graph has nothing to quantise ({', '.join(_OTHERS)})")
        converted = onnx.load(after)
    if optional is not None:
        attach_optional(converted.graph, optional)
    return converted


def _first_convolution(graph: onnx.ModelProto, kept_float32: Sequence[str]) -> list[str]:
    """Return the name of the first convolution: no other layer has what its rounding loses."""
    names = (node.name for node in graph.graph.node if node.op_type == "Conv")
    return [name for name in names if name not in kept_float32][:1]


class _Samples(CalibrationDataReader):
    """Gives the calibrator one batch at a time."""

    def __init__(self, batches: Sequence[Feeds]) -> None:
        self._batches: Iterator[Feeds] = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch; None after the last."""
        batch = next(self._batches, None)
        return dict(batch) if batch is not None else None


def _keep_to_32_bits(graph: onnx.ModelProto) -> None:
    """Remove the casts to float16 and back that the converter adds between nodes it left alone.

    It also adds the cast of a tensor once for each node that reads it, under one name.
    """
    made_by = {name: node for node in graph.graph.node for name in node.output}
    detours = {}
    for node in graph.graph.node:
        before = made_by.get(node.input[0]) if node.input else None
        if before is not None and (_target(node), _target(before)) == (_FLOAT, _HALF):
            detours[node.output[0]] = before.input[0]
    kept: dict[str, onnx.NodeProto] = {}
    for node in graph.graph.node:
        if node.output[0] not in detours:
            node.input[:] = [detours.get(name, name) for name in node.input]
            kept.setdefault(node.output[0], node)
    nodes = list(kept.values())
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _target(node: onnx.NodeProto) -> int | None:
    """Return the target type of a cast; None for other nodes."""
    return node.attribute[0].i if node.op_type == "Cast" else None


def _before_logarithm(graph: onnx.ModelProto) -> list[str]:
    """Return the names of all logarithms and of the nodes that they depend on."""
    made_by = {name: node for node in graph.graph.node for name in node.output}
    waiting = [node for node in graph.graph.node if node.op_type == "Log"]
    found: dict[str, None] = {}
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found[node.name] = None
            waiting += [made_by[name] for name in node.input if name in made_by]
    return list(found)
