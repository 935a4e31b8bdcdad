"""The formats that `dartsl export` writes; a module of its own, so that the command line starts at once."""

TEXTS = ("genotype", "nasbench201")
FORMATS = (*TEXTS, "onnx", "torch", "safetensors")
