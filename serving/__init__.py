"""`model.onnx` in, samples out: over HTTP, to a file, or as arrays.

onnxruntime and BentoML; neither torch nor onnx is ever loaded here.
"""
