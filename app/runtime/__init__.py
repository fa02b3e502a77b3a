"""ONNX Runtime, which is imported in this folder only: arrays in, arrays out, on a CPU or a GPU."""
