"""Checkpoint in, `model.onnx` out: the graph built node by node, measured, and sealed."""
