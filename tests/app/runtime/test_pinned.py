import gc
import threading

import numpy as np
import onnxruntime
import pytest

from app.runtime.pinned import Staging, in_one_thread


@pytest.fixture(scope="module")
def memory() -> onnxruntime.OrtMemoryInfo:
    """Memory that ONNX Runtime allocates as it does page-locked memory: by its description."""
    kind = onnxruntime.OrtAllocatorType.ORT_DEVICE_ALLOCATOR
    info = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    limits = onnxruntime.OrtArenaCfg(0, -1, -1, -1)
    onnxruntime.create_and_register_allocator_v2("CPUExecutionProvider", info, {}, limits)
    return info


def test_staging_uses_its_memory_again(memory) -> None:
    staging = Staging(memory)
    large = staging.empty("image", (4, 2, 3), "uint8")
    large[:] = 7
    small = staging.empty("image", (2, 2, 3), "uint8")
    assert small.shape == (2, 2, 3) and (small == 7).all()
    assert np.shares_memory(large, small)
    assert not np.shares_memory(large, staging.empty("mask", (4, 2, 3), "uint8"))
    assert staging.empty("tokens", (3, 5), "int64").dtype == np.int64


def test_staging_outgrown_keeps_what_is_still_held(memory) -> None:
    staging = Staging(memory)
    first = staging.empty("image", (2, 3), "float32")
    first[:] = 1
    staging.empty("image", (200_000, 3), "float32")[:] = 2
    gc.collect()
    assert (first == 1).all()


def test_each_thread_has_staging_of_its_own(memory) -> None:
    staging, others = Staging(memory), []
    mine = staging.empty("image", (2, 3), "uint8")
    thread = threading.Thread(target=lambda: others.append(staging.empty("image", (2, 3), "uint8")))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])


def test_work_from_any_thread_is_done_in_one() -> None:
    seen = {in_one_thread(threading.get_ident)() for _ in range(3)}
    thread = threading.Thread(target=lambda: seen.add(in_one_thread(threading.get_ident)()))
    thread.start()
    thread.join()
    assert len(seen) == 1 and threading.get_ident() not in seen


def test_what_it_raises_reaches_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        in_one_thread(lambda: 1 / 0)()
