"""Small specs of text for the tests of recurrent cells, and their batches."""

from __future__ import annotations

import torch
from torch import Tensor

from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.nn.supernet import Supernet

WORDS = 7

NETWORK = """
network text(H = 5, vocab = 7) {
  input tokens(4)
  stem  embedding(vocab, out = H, dropout = 0.1) > locked_dropout(0.2)
  stage scan(recurrent, carry = "h", dropout_x = 0.5, dropout_h = 0.25) width H
  head  locked_dropout(0.5) > linear(vocab, tie = "stem")
}
"""

SEARCHED = (
    """darts 1
import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway > mix_bn
  node   s1..s3 : sum > mix_bn keep 1
  edge   x, h   -> s0     : identity
  edge   s0..s2 -> s1..s3 : activations
  output mean(s1..s3)
}
"""
    + NETWORK
)

DECIDED = (
    """darts 1
import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway > mix_bn
  node   s1..s3 : sum > mix_bn keep 1
  edge   x, h   -> s0 : identity
  edge   s0 -> s1 : gate(relu)
  edge   s0 -> s2 : gate(tanh)
  edge   s2 -> s3 : gate(identity)
  output mean(s1..s3)
}
"""
    + NETWORK
)

# Two scans, other widths, no dropouts, edges of other operations, an element that goes around the highway.
IRREGULAR = """darts 1
import "std/rnn"

op wide(act) = linear(out = 2*C, share = "target") > act > linear(share = "target")
op both(act) = product(gate(act), linear > sigmoid)

cell first {
  input  h, x
  node   a : highway
  node   b : sum > mix_bn keep 1
  node   c : product
  node   d : sum
  edge   x, h -> a : identity
  edge   a -> b : none | gate(tanh) | identity | both(relu)
  edge   h -> b : gate(identity) | identity | wide(tanh)
  edge   x, b -> c : linear(bias = false) > sigmoid
  edge   a, b, c -> d : gate(tanh) | identity
  output product(b, d)
}

cell second {
  input  x, h
  node   a : mean > mix_bn
  node   b : sum
  edge   x -> a : linear(out = C) > tanh
  edge   h -> a : linear > relu
  edge   a -> b : gate(relu) | gate(tanh)
  edge   x -> b : linear | linear(bias = false)
  output sum(a, b)
}

network text(H = 4, vocab = 7) {
  input tokens(3)
  stem  embedding(vocab, out = H)
  stage scan(first, carry = "h", dropout_x = 0, dropout_h = 0.3) width H
  stage scan(second, carry = "h") width H
  head  linear(vocab)
}
"""

# What `noise` and `concat` are in a step: in the cell and in an op, on elements and on the carry.
NOISY = """darts 1

op halves = concat(linear(C/2), linear(C/2) > tanh)

cell recurrent {
  input  x, h
  node   a : sum
  node   b : concat
  node   c : sum
  edge   x -> a : noise | tanh
  edge   h -> a : tanh | noise | halves
  edge   x, a -> b : linear(3)
  edge   b -> c : linear(6, bias = false) > relu
  edge   x -> c : concat(identity, noise) > linear(6) > tanh
  output c
}

network text(H = 6, vocab = 7) {
  input tokens(4)
  stem  embedding(vocab, out = H)
  stage scan(recurrent, carry = "h") width H
  head  linear(vocab)
}
"""

# Several carries, one of which is not read; matrices that masks reach, and others.
GATED = """darts 2

op own(act) = linear > act
op shared(act) = linear(share = "target") > act

cell lstm {
  input  x, h, c
  node   i, o      : concat > own(sigmoid | hard_sigmoid)
  node   f         : concat > shared(sigmoid | tanh)
  node   g         : concat > own(tanh)
  node   kept, new : product
  node   c2        : sum
  node   t         : sum > (tanh | identity)
  node   h2        : product
  edge   x, h      -> i, o, f, g : identity
  edge   f, c      -> kept       : identity
  edge   i, g      -> new        : identity
  edge   kept, new -> c2         : identity
  edge   c2        -> t          : identity
  edge   o, t      -> h2         : identity
  output h2, c2
}

cell trio {
  input  b, x, a, c
  node   m, n, o : sum
  edge   x, a    -> m    : linear | tanh
  edge   b       -> m    : linear
  edge   x       -> n, o : linear > relu | identity
  edge   m       -> n    : none | linear
  output mean(m, n) > mix_bn, n, o  # dartsl: allow W0303
}

network text(H = 4, vocab = 7) {
  input tokens(4)
  stem  embedding(vocab, out = 3)
  stage scan(lstm, carry = "h, c", dropout_x = 0.5, dropout_h = 0.25) width H
  stage scan(trio, carry = "a,b, c") width H
  head  linear(vocab)
}
"""


def planned(text: str) -> Plan:
    """The plan of the only network of a spec's text."""
    spec = check(Source("test.darts", text))
    return plan(spec, pick_network(spec, None), {})


def tokens(model: Supernet, steps: int = 5, batch: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Random words (T, B) and the ones that shall follow them."""
    generator = torch.Generator().manual_seed(seed)
    words = model.plan.classes
    return tuple(torch.randint(0, words, (steps, batch), generator=generator) for _ in range(2))  # type: ignore[return-value]
