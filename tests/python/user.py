"""What a user may write: `mypy --strict` must accept it, and find what each function returns."""

from typing import assert_type

import torch
from torch import nn

import dartsl

spec = dartsl.check("digits")
model = dartsl.compile(spec, parameters={"C": 4}, level=1, dtype="float64")
layers: nn.Module = model
size: int = dartsl.info(spec, memory="none").space_size
text: str = dartsl.export("runs/digits", "genotype")
program: bytes = dartsl.export("runs/digits-trained", "torch", uint8=True)
run = dartsl.search(spec, "runs/digits", epochs=3, order=2, alphas_betas=(0.5, 0.999))
found: str | None = run.found
assert_type(run.finished, bool)
trained = dartsl.train(run.path, epochs=3, cutout=4)
parameters: int = trained.parameters
error: int = dartsl.evaluate(trained.path).epochs
first = dartsl.predict(dartsl.trained(trained.path), torch.zeros(1, 8, 8, dtype=torch.uint8))[0]
assert_type(first.probabilities, tuple[float, ...])
same: bool = dartsl.diff("zoo/darts_v1", "zoo/darts_v2").equal
genotype: str = dartsl.export(run.path, "genotype")
onnx: bytes = dartsl.export(run.path, "onnx")
compiled = dartsl.compile(spec, dtype=torch.bfloat16, memory="low", amp=True, plugins="half.py")
tables: dict[str, dict[str, dict[str, float]]] = run.mixing_weights()
rows: list[dict[str, object]] = dartsl.Run("runs/digits").history
network: nn.Module = run.model()
tuned = dartsl.train(run, init=trained, data="other.npz")
other: str | None = dartsl.evaluate(tuned, data="other.npz").other
