"""A trained network → one ONNX graph, proved equal to torch, in fewer bits, with a model card."""
