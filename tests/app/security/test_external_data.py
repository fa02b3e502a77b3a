"""A graph reads nothing but the files of its bundle, however its references are written.

The search for locations (`app.bundle.graph`) and the session are two lines of defence: what the
first does not see must not reach a file by the second (CVE-2024-27318, CVE-2026-27489 and their
like). The session's offsets and lengths are those of the file's bytes (CVE-2026-7482 was about a
loader that believed a file's own numbers).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from app.bundle.graph import Graph, external_locations
from app.errors import InvalidBundle
from app.runtime.machine import open_session
from app.runtime.providers import CPU

FLOAT = TensorProto.FLOAT
SECRET = np.arange(4, dtype=np.float32).tobytes()


def tensor(location: str = "s", **given: str) -> onnx.TensorProto:
    made = TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **given}.items():
        made.external_data.add(key=key, value=value)
    return made


def model(nodes=(), initializers=(), functions=(), sparse=()) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [*nodes, helper.make_node("Identity", ["w"], ["y"])],
        "g",
        [value("x", FLOAT, ["n"])],
        [value("y", FLOAT, None)],
        initializers,
    )
    graph.sparse_initializer.extend(sparse)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, functions=functions, opset_imports=opsets, ir_version=10)


def constant(name: str = "w", **value) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], **value)


def as_initializer(each) -> onnx.ModelProto:
    return model(initializers=[each])


def as_constant(each) -> onnx.ModelProto:
    return model([constant(value=each)])


def in_a_branch(each) -> onnx.ModelProto:
    given = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    output = helper.make_tensor_value_info("o", FLOAT, None)
    copied = helper.make_node("Identity", ["w"], ["o"])
    branch = helper.make_graph([copied], "b", [], [output], [each])
    chosen = helper.make_node("If", ["c"], ["w"], then_branch=branch, else_branch=branch)
    return model([constant("c", value=given), chosen])


def as_a_value_to_fill_with(each) -> onnx.ModelProto:
    shape = constant("shape", value_ints=[2])
    return model([shape, helper.make_node("ConstantOfShape", ["shape"], ["w"], value=each)])


def in_a_function(each) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", 18)]
    function = helper.make_function("local", "f", [], ["c"], [constant("c", value=each)], opsets)
    return model([helper.make_node("f", [], ["w"], domain="local")], functions=[function])


def as_a_functions_default(each) -> onnx.ModelProto:
    node = constant("c")
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR, ref_attr_name="v")
    function = helper.make_function(
        *("local", "f", [], ["c"], [node], [helper.make_opsetid("", 18)]),
        attribute_protos=[helper.make_attribute("v", each)],
    )
    return model([helper.make_node("f", [], ["w"], domain="local")], functions=[function])


def as_sparse_values(each) -> onnx.ModelProto:
    indices = helper.make_tensor("i", TensorProto.INT64, [4], range(4))
    return model(sparse=[onnx.SparseTensorProto(values=each, indices=indices, dims=[4])])


PLACES = [
    *(as_initializer, as_constant, in_a_branch, as_a_value_to_fill_with),
    *(in_a_function, as_a_functions_default, as_sparse_values),
]
OUTSIDE = ["s", "./s", "below/../s", "../s", "{folder}/s", "/dev/null/../..{folder}/s"]


def load(data: bytes, files: dict[str, bytes]) -> bytes:
    session = open_session(Graph(data, files), 1, [(CPU, {})])
    return bytes(session.run(["y"], {"x": np.zeros(1, np.float32)})[0])


@pytest.fixture(autouse=True)
def _beside_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s").write_bytes(SECRET)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_every_place_is_seen_and_no_place_reaches_a_file(place: Callable, tmp_path: Path) -> None:
    for written in OUTSIDE:
        location = written.format(folder=tmp_path)
        data = place(tensor(location)).SerializeToString()
        assert external_locations(data) == (location,)
        with pytest.raises(InvalidBundle, match="cannot load the graph"):
            load(data, {})


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, content: bytes, more_bits: int = 0) -> bytes:
    return varint(number << 3 | 2 | more_bits) + varint(len(content)) + content


BODY = TensorProto(name="w", data_type=FLOAT, dims=[4]).SerializeToString()
EXTERNAL = varint(14 << 3) + varint(1)  # data_location
ENTRY = onnx.StringStringEntryProto(key="location", value="s").SerializeToString()
LONG = 1 << 32  # beyond the bits of a tag that protobuf reads
ENCODINGS = {
    "data_location of more than 32 bits": BODY
    + varint(14 << 3)
    + varint(1 | LONG)
    + field(13, ENTRY),
    "the entries' tag has more than 32 bits": BODY + EXTERNAL + field(13, ENTRY, LONG),
    "data_location's tag has more than 32 bits": BODY
    + varint(14 << 3 | LONG)
    + varint(1)
    + field(13, ENTRY),
}


def with_initializer(encoded: bytes) -> bytes:
    return model().SerializeToString() + field(7, field(5, encoded))


def split_in_two() -> bytes:
    """A node's tensor in two parts, which protobuf merges: one is external, one has the name."""
    attribute = field(1, b"value") + varint(20 << 3) + varint(4)
    attribute += field(5, BODY + EXTERNAL) + field(5, field(13, ENTRY))
    node = field(2, b"w") + field(4, b"Constant") + field(5, attribute)
    whole = model()
    graph = whole.graph.SerializeToString()
    whole.ClearField("graph")
    return whole.SerializeToString() + field(7, field(1, node) + graph)


UNUSUAL = {name: with_initializer(encoded) for name, encoded in ENCODINGS.items()}
UNUSUAL["a tensor in two parts"] = split_in_two()


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_encoding_is_seen_or_refused(name: str) -> None:
    data = UNUSUAL[name]
    try:
        assert external_locations(data) == ("s",)
    except InvalidBundle as error:
        assert "damaged" in str(error)
    with pytest.raises(InvalidBundle, match="cannot load the graph"):
        load(data, {})


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        ("-4", "16"),
        ("16", "16"),
        ("8", "16"),
        ("0", "100"),
        ("9223372036854775807", "16"),
        ("18446744073709551615", "16"),
        ("-9223372036854775808", "16"),
        ("0", "-16"),
        ("1e3", "16"),
        ("100000000000", "16"),
    ],
)
def test_nothing_beside_the_bytes_of_a_file_is_read(offset: str, length: str) -> None:
    data = as_initializer(tensor(offset=offset, length=length)).SerializeToString()
    with pytest.raises(InvalidBundle, match="cannot load the graph"):
        load(data, {"s": SECRET})


def test_what_is_given_is_read() -> None:
    """The graphs of these tests load where their data are at hand."""
    for place in (as_initializer, as_constant):
        assert load(place(tensor()).SerializeToString(), {"s": SECRET}) == SECRET


def test_an_address_of_memory_is_no_location() -> None:
    """ONNX Runtime marks its own initializers so; a file must not be able to."""
    for offset in ("4096", "94000000000000"):
        hostile = tensor("*/_ORT_MEM_ADDR_/*", offset=offset, length="16")
        with pytest.raises(InvalidBundle, match="cannot load the graph"):
            load(as_initializer(hostile).SerializeToString(), {})
