"""Random networks of text without a `scan` for property tests: attention, MLPs and causal convolutions."""

from __future__ import annotations

from hypothesis import strategies as st

# None is part of another, so that any of them may be offered together.
OFFERS = (
    "identity",
    "none",
    "residual(layer_norm > attention(1 | 2))",
    "residual(layer_norm > mlp(1/2 | 2, gelu | silu))",
    "residual(dwconv(3 | 5) > relu6)",
    "layer_norm > conv(3 | 5, groups = 1 | 2)",
    "linear(out = 2*Cin) > hard_swish > linear(bias = true | false)",
    "mean(identity, attention(2))",
    "product(linear, conv(3) > hard_sigmoid)",
)
FIXED = ("layer_norm", "residual(attention(2))", "dwconv(3)", "linear > gelu")

HEADER = """darts 2
import "std/blocks"

op mlp(r, act) = linear(out = r*C) > act > linear

"""


@st.composite
def sequence_texts(draw: st.DrawFn) -> str:
    """A spec with a cell of one or two nodes and some layers, of width 4, over windows of 5 words."""
    nodes = ["n0", "n1"][: draw(st.integers(1, 2))]
    lines, edges = ["cell block {", "  input a"], []
    for place, node in enumerate(nodes):
        after = draw(st.sampled_from(("", " > layer_norm", f" > ({draw(_OFFER)})")))
        lines.append(f"  node {node} : sum{after}")
        for source in draw(
            st.lists(st.sampled_from(["a", *nodes[:place]]), min_size=1, max_size=2, unique=True)
        ):
            edges.append(f"  edge {source} -> {node} : {draw(_OFFER)}")
    lines += [*edges, f"  output {nodes[-1]}", "}", "", f"ops offered = {draw(_OFFER)} | linear"]
    layer = st.sampled_from(("block", "offered", "offered*2", f"({draw(_OFFER)} | linear)", *FIXED))
    stage = " > ".join(["offered > block", *draw(st.lists(layer, max_size=2))])
    positions = draw(st.sampled_from(("", " > position_embedding")))
    tie = draw(st.sampled_from(("", ', tie = "stem"')))
    network = [
        "network gpt(D = 4, vocab = 6) {",
        "  input tokens(5)",
        f"  stem  embedding(vocab, out = D){positions}",
        f"  stage {stage} width D",
        f"  head  layer_norm > linear(vocab{tie})",
        "}",
    ]
    return HEADER + "\n".join([*lines, "", *network]) + "\n"


_OFFER = st.lists(st.sampled_from(OFFERS), min_size=1, max_size=3, unique=True).map(
    lambda offers: " | ".join(offers if offers != ["none"] else ["none", "relu"])
)
