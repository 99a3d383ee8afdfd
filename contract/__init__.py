"""What `model.onnx` promises: the Spec, its seal, its noise, its interface and its checks.

numpy and the standard library only. Every other package of the house imports this one;
it imports none of them.
"""
