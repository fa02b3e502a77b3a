import gc
import threading

import numpy as np
import onnxruntime
import pytest

from app.runtime.pinned import PinnedBuffers, in_one_thread


@pytest.fixture(scope="module")
def memory() -> onnxruntime.OrtMemoryInfo:
    """The description of ordinary memory, which ONNX Runtime allocates like page-locked memory."""
    kind = onnxruntime.OrtAllocatorType.ORT_DEVICE_ALLOCATOR
    info = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    limits = onnxruntime.OrtArenaCfg(0, -1, -1, -1)
    onnxruntime.create_and_register_allocator_v2("CPUExecutionProvider", info, {}, limits)
    return info


def test_a_buffer_is_used_again(memory) -> None:
    buffers = PinnedBuffers(memory)
    large = buffers.allocate("image", (4, 2, 3), "uint8")
    large[:] = 7
    small = buffers.allocate("image", (2, 2, 3), "uint8")
    assert small.shape == (2, 2, 3) and (small == 7).all()
    assert np.shares_memory(large, small)
    assert not np.shares_memory(large, buffers.allocate("mask", (4, 2, 3), "uint8"))
    assert buffers.allocate("tokens", (3, 5), "int64").dtype == np.int64


def test_a_buffer_that_was_outgrown_keeps_its_content(memory) -> None:
    buffers = PinnedBuffers(memory)
    first = buffers.allocate("image", (2, 3), "float32")
    first[:] = 1
    buffers.allocate("image", (200_000, 3), "float32")[:] = 2
    gc.collect()
    assert (first == 1).all()


def test_each_thread_has_its_own_buffers(memory) -> None:
    buffers, others = PinnedBuffers(memory), []
    mine = buffers.allocate("image", (2, 3), "uint8")
    thread = threading.Thread(
        target=lambda: others.append(buffers.allocate("image", (2, 3), "uint8"))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])


def test_calls_from_all_threads_run_in_one() -> None:
    seen = {in_one_thread(threading.get_ident)() for _ in range(3)}
    thread = threading.Thread(target=lambda: seen.add(in_one_thread(threading.get_ident)()))
    thread.start()
    thread.join()
    assert len(seen) == 1 and threading.get_ident() not in seen


def test_an_exception_in_the_one_thread_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        in_one_thread(lambda: 1 / 0)()
