"""What leaves the program: small weights files, ONNX, stand-alone scripts, HTML reports.

Knows nothing of training or pages."""
