"""Arrays in, arrays out: batching and ONNX Runtime. Knows neither HTTP nor labels."""
