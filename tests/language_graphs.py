"""ONNX graphs of a few nodes for texts, the next word, and trees of words."""

import numpy as np
from onnx import TensorProto, helper

from tests.graphs import make_graph, tensor


def text_graph(vocabulary: int, *, explained: bool = False) -> bytes:
    """Tokens, length → masked mean of embeddings → softmax. Long embeddings are salient."""
    node = helper.make_node
    table = np.zeros((vocabulary, 2), dtype=np.float32)
    table[1:4, 0], table[4:7, 1] = 6.0, 6.0  # WORDS: three glad ones, three sad ones
    nodes = [
        node("Gather", ["table", "tokens"], ["embedded"], axis=0),
        node("Shape", ["tokens"], ["time"], start=1, end=2),
        node("Squeeze", ["time", "first"], ["steps"]),
        node("Range", ["zero", "steps", "one"], ["positions"]),
        node("Unsqueeze", ["length", "last"], ["lengths"]),
        node("Less", ["positions", "lengths"], ["present"]),
        node("Cast", ["present"], ["mask2"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask2", "third"], ["mask"]),
        node("Mul", ["embedded", "mask"], ["masked"]),
        node("ReduceSum", ["masked", "last"], ["sum"], keepdims=0),
        node("Cast", ["lengths"], ["count"], to=TensorProto.FLOAT),
        node("Div", ["sum", "count"], ["mean"]),
        node("Softmax", ["mean"], ["probabilities"], axis=1),
    ]
    outputs = [tensor("probabilities", TensorProto.FLOAT, ["batch", 2])]
    if explained:
        nodes.append(node("ReduceSum", ["masked", "third"], ["saliency"], keepdims=0))
        outputs.append(tensor("saliency", TensorProto.FLOAT, ["batch", "time"]))
    return make_graph(
        nodes,
        [
            tensor("tokens", TensorProto.INT64, ["batch", "time"]),
            tensor("length", TensorProto.INT64, ["batch"]),
        ],
        outputs,
        {
            "table": table,
            "first": np.array([0]),
            "last": np.array([1]),
            "third": np.array([2]),
            "zero": np.int64(0),
            "one": np.int64(1),
        },
    )


def words_graph(vocabulary: int, state: int = 2) -> bytes:
    """After word n, n + 1 is most likely and n + 2 second; the state counts the words.

    The longer the text, the surer: the scores are multiplied by the count, up to 8.
    """
    node = helper.make_node
    table = np.zeros((vocabulary, vocabulary), dtype=np.float32)
    for word in range(vocabulary):
        table[word, (word + 1) % vocabulary] = 0.5
        table[word, (word + 2) % vocabulary] = 0.3
    nodes = [
        node("Unsqueeze", ["length", "second"], ["lengths"]),
        node("Sub", ["lengths", "second"], ["places"]),
        node("GatherElements", ["tokens", "places"], ["lasts"], axis=1),
        node("Squeeze", ["lasts", "second"], ["last"]),
        node("Cast", ["lengths"], ["read"], to=TensorProto.FLOAT),
        node("Add", ["state", "read"], ["next_state"]),
        node("Gather", ["next_state", "zero"], ["count"], axis=1),
        node("Clip", ["count", "least", "most"], ["sureness"]),
        node("Gather", ["table", "last"], ["scores"], axis=0),
        node("Mul", ["scores", "sureness"], ["logits"]),
        node("LogSoftmax", ["logits"], ["log_probabilities"], axis=1),
    ]
    return make_graph(
        nodes,
        [
            tensor("tokens", TensorProto.INT64, ["batch", "time"]),
            tensor("length", TensorProto.INT64, ["batch"]),
            tensor("state", TensorProto.FLOAT, ["batch", state]),
        ],
        [
            tensor("log_probabilities", TensorProto.FLOAT, ["batch", vocabulary]),
            tensor("next_state", TensorProto.FLOAT, ["batch", state]),
        ],
        {
            "table": table,
            "zero": np.array([0]),
            "second": np.array([1]),
            "least": np.float32(1),
            "most": np.float32(8),
        },
    )


def tree_graph(vocabulary: int) -> bytes:
    """Leaves with even ids are glad, other leaves sad; every inner node is sad."""
    node = helper.make_node
    table = np.eye(2, dtype=np.float32)[np.arange(vocabulary) % 2] * np.float32(3)
    nodes = [
        node("Gather", ["table", "tokens"], ["leaves"], axis=0),
        node("Add", ["left", "right"], ["above"]),
        node("Mul", ["above", "nothing"], ["second"]),
        node("Add", ["second", "one"], ["ones"]),
        node("Gather", ["table", "ones"], ["inner"], axis=0),
        node("Concat", ["leaves", "inner"], ["logits"], axis=0),
        node("Softmax", ["logits"], ["nodes"], axis=1),
        node("Gather", ["nodes", "roots"], ["probabilities"], axis=0),
        node("Size", ["levels"], ["unused"]),
    ]
    names = {"tokens": "leaf", "left": "inner", "right": "inner", "levels": "level"}
    return make_graph(
        nodes,
        [
            *(tensor(name, TensorProto.INT64, [axis]) for name, axis in names.items()),
            tensor("roots", TensorProto.INT64, ["batch"]),
        ],
        [
            tensor("probabilities", TensorProto.FLOAT, ["batch", 2]),
            tensor("nodes", TensorProto.FLOAT, ["node", 2]),
        ],
        {"table": table, "nothing": np.int64(0), "one": np.int64(1)},
    )
