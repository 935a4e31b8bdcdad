"""What a search step takes on a GPU besides its tensors, for the memory estimate.

Tensors are counted by running the step on the meta device, in blocks as torch's allocator gives them out. The rest is
assumed, and no measurement of this version stands behind it: cudnn's workspaces, which are bounded (`kernels_of`), and
cuBLAS's. The measurements that there are were made with unbounded workspaces, on one H200: darts_cnn, C = 16, batch 64,
held 7.9 GB at -O0 and 11.9 GB at -O2, of which tensors are 6.7 and 5.7.

CUDA graphs add nothing to the peak of a step: all of them share one pool, which a step fills once, and which stays
reserved. Neither CUDA's own context (about half a GB), nor the data set, nor what lies idle between blocks is counted.
"""

from __future__ import annotations

import math

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, application
from dartsl.nn.supernet import Supernet
from dartsl.run.determinism import WORKSPACE

BLOCK = 512  # bytes: what torch's allocator rounds sizes up to
SEGMENT = 2 << 20  # bytes: what it takes small tensors' memory from the device in
CUBLAS = (
    40 << 20
)  # bytes of workspaces of cuBLAS and cuBLASLt on the stream of the steps, as torch allots them
PER_TENSORS = 8  # how many times the tensors of the largest convolution its workspace is at most


def workspaces(model: Supernet, batch: int) -> int:
    """Bytes that cudnn and cuBLAS are assumed to take at once, at most, for `batch` images or rows of text."""
    graph, size = model.optimised.graph, next(iter(model.parameters())).element_size()
    most = 0
    for node in graph:
        applied = application(graph, str(node))
        if kind_of(applied).has("convolution"):
            tensors = [applied, *(application(graph, source) for source in applied.inputs)]
            most = max(most, batch * size * sum(map(_numbers, tensors)))
    return CUBLAS + min(WORKSPACE << 20, PER_TENSORS * most)


def rounded(count: int) -> int:
    """Bytes, in whole segments."""
    return -(-count // SEGMENT) * SEGMENT


def _numbers(applied: Application) -> int:
    return applied.batch * math.prod(applied.shape)
