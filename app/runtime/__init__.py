"""One graph in ONNX Runtime: arrays in, arrays out, on the CPU or a GPU."""
