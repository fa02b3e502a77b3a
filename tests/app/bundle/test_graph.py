"""The locations of external data are found wherever ONNX allows a tensor; no `onnx` is needed."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from app.bundle.graph import Graph, external_locations, file_name, graph_of, last_operator
from app.errors import InvalidBundle
from app.runtime.machine import open_session
from app.runtime.providers import CPU
from app.runtime.session import Session
from tests.app.pack.graphs import colour_graph, outside
from tests.graphs import image_graph

PIXELS = {"pixels": np.random.default_rng(1).random((3, 3, 8, 8), dtype=np.float32)}


def external(location: str, name: str = "t") -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value=location)
    return tensor


def everywhere() -> onnx.ModelProto:
    """A model with a tensor at each place where the format has one."""
    inner = helper.make_graph([], "inner", [], [], [external("subgraph")])
    constant = helper.make_node("Constant", [], ["c"], value=external("attribute"))
    branch = helper.make_node("If", ["c"], ["d"], then_branch=inner)
    body = [helper.make_node("Constant", [], ["c"], value=external("function"))]
    function = helper.make_function("local", "f", [], ["c"], body, [helper.make_opsetid("", 18)])
    sparse = onnx.SparseTensorProto(
        values=external("values"), indices=external("indices"), dims=[3]
    )
    graph = helper.make_graph([constant, branch], "g", [], [], [external("weights.data")])
    graph.sparse_initializer.append(sparse)
    model = helper.make_model(graph, functions=[function])
    model.graph.node[1].attribute.add(
        name="several", type=onnx.AttributeProto.TENSORS, tensors=[external("tensors")]
    )
    return model


def test_every_place_of_a_tensor_is_found() -> None:
    found = external_locations(everywhere().SerializeToString())
    assert sorted(found) == sorted(
        ["weights.data", "attribute", "subgraph", "values", "indices", "function", "tensors"]
    )


def test_a_graph_without_external_data_has_none() -> None:
    assert external_locations(image_graph()) == ()
    model = colour_graph(metadata={"location": "nowhere"})
    model.graph.initializer[1].external_data.add(key="location", value="unused")  # data_location 0
    assert external_locations(model.SerializeToString()) == ()


@pytest.mark.parametrize("cut", range(1, 400, 7))
def test_a_damaged_message_is_refused_or_has_no_other_locations(cut: int) -> None:
    whole = everywhere().SerializeToString()
    try:
        found = external_locations(whole[:-cut])
    except InvalidBundle as error:
        assert "damaged" in str(error)
    else:
        assert set(found) <= set(external_locations(whole))


@pytest.mark.parametrize("location", ["w.data", "./w.data", "parts/w.data", "parts//w.data"])
def test_a_session_gets_external_data_from_bytes(location: str) -> None:
    model = colour_graph()
    expected = Session(model.SerializeToString()).run(PIXELS)
    data = outside(model, location)
    (name,) = map(file_name, external_locations(model.SerializeToString()))
    session = Session(graph_of(model.SerializeToString(), {name: data, "other": b""}))
    assert (session.run(PIXELS)["scores"] == expected["scores"]).all()


def test_external_data_are_not_read_from_the_working_directory(tmp_path, monkeypatch) -> None:
    model = colour_graph()
    (tmp_path / "w.data").write_bytes(outside(model, "w.data"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidBundle, match=r"weights are in 'w\.data', which is missing"):
        Session(model.SerializeToString())
    with pytest.raises(InvalidBundle, match="cannot load the graph"):  # were it not seen at all
        open_session(Graph(model.SerializeToString()), 1, [(CPU, {})])


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../w.data", "a/../../w.data", "a/../w.data", "", ".."]
)
def test_a_location_outside_the_folder_is_refused_by_name(location: str) -> None:
    model = colour_graph()
    data = outside(model, location)
    with pytest.raises(InvalidBundle, match=r"outside the graph's own folder") as refusal:
        graph_of(model.SerializeToString(), {location: data, "w.data": data})
    assert repr(location) in str(refusal.value)


def test_files_too_short_for_the_graph_are_refused() -> None:
    model = colour_graph()
    data = outside(model, "w.data")
    with pytest.raises(InvalidBundle, match="cannot load the graph"):
        Session(Graph(model.SerializeToString(), {"w.data": data[:9]}))


def test_the_last_operator_is_seen_past_changes_of_form() -> None:
    assert last_operator(image_graph(), "probabilities") == "Softmax"
    model = colour_graph(last="Sigmoid")
    assert last_operator(model.SerializeToString(), "scores") == "Sigmoid"
    model.graph.node.append(helper.make_node("Identity", ["scores"], ["same"]))
    assert last_operator(model.SerializeToString(), "same") == "Sigmoid"
    model.graph.node.append(helper.make_node("Identity", ["circle"], ["circle"]))
    assert last_operator(model.SerializeToString(), "circle") == "Identity"
    assert last_operator(model.SerializeToString(), "nothing") == ""
