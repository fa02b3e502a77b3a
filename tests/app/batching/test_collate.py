import numpy as np

from app.batching.collate import collate, split_outputs
from app.bundle.tensors import TensorSpec

FIXED = TensorSpec(name="image", dtype="uint8", shape=("batch", 2, 3))
DYNAMIC = TensorSpec(name="tokens", dtype="int64", shape=("batch", "time"))
SCALAR = TensorSpec(name="length", dtype="int64", shape=("batch",))


def test_arrays_of_one_shape_are_stacked() -> None:
    items = [{"image": np.full((2, 3), n, dtype=np.uint8)} for n in range(4)]
    made = collate(items, [FIXED])["image"]
    assert made.shape == (4, 2, 3)
    assert made.dtype == np.uint8
    assert made[:, 0, 0].tolist() == [0, 1, 2, 3]


def test_dynamic_axes_are_padded_with_zeros_to_the_longest() -> None:
    items = [
        {"tokens": np.arange(1, n + 1), "length": np.asarray(n, dtype=np.int64)} for n in (1, 3, 2)
    ]
    made = collate(items, [DYNAMIC, SCALAR])
    assert made["tokens"].tolist() == [[1, 0, 0], [1, 2, 3], [1, 2, 0]]
    assert made["length"].tolist() == [1, 3, 2]
    assert made["tokens"].dtype == made["length"].dtype == np.int64


def test_several_dynamic_axes_are_padded() -> None:
    spec = TensorSpec(name="grid", dtype="float32", shape=("batch", "rows", "columns"))
    items = [{"grid": np.ones((1, 3), np.float32)}, {"grid": np.ones((2, 1), np.float32)}]
    made = collate(items, [spec])["grid"]
    assert made.tolist() == [[[1, 1, 1], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]]


def test_split_undoes_collate() -> None:
    items = [{"image": np.full((2, 3), n, dtype=np.uint8)} for n in range(3)]
    back = split_outputs(collate(items, [FIXED]), items, [FIXED])
    assert all(
        np.array_equal(one["image"], two["image"]) for one, two in zip(items, back, strict=True)
    )
