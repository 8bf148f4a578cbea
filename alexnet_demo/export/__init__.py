"""Exports: quantized weights, ONNX, standalone training scripts, and HTML reports.

Knows nothing of training or pages.
"""
