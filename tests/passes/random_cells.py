"""Random recurrent cells for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")
CANDIDATES = (
    *(f"gate({act})" for act in ACTIVATIONS),
    "none",
    "identity",
    "own(tanh)",
    "masked(relu)",
    'linear(bias = false, share = "target")',
    "noise",
)

HEADER = """darts {version}
import "std/rnn"

op own(act) = lerp(identity, linear > act, linear(bias = false) > sigmoid)
op masked(act) = product(gate(act), locked_dropout(0.3)) > linear(share = "target")

"""


@st.composite
def cell_texts(draw: st.DrawFn) -> str:
    """A spec with a recurrent cell: some nodes, edges that are missing, candidates of all kinds, dropouts or none; one
    carry or several."""
    count = draw(st.integers(1, 4))
    further = draw(st.sampled_from(((), (), ("c",), ("c", "d"))))
    offered = st.lists(st.sampled_from(CANDIDATES), min_size=1, max_size=5, unique=True).filter(
        lambda candidates: candidates != ["none"]  # nothing to choose: E0403
    )
    common = " | ".join(draw(offered))
    inputs = ", ".join(draw(st.permutations(("x", "h", *further))))
    first = "concat > linear > tanh" if further else f"highway{draw(_BN)}"
    lines = ["cell recurrent {", f"  input  {inputs}", f"  node   s0 : {first}"]
    edges = ["  edge   x, h -> s0 : identity"]
    for place in range(1, count + 1):
        lines.append(f"  node   s{place} : sum{draw(_BN)}")
        earlier = [*(f"s{i}" for i in range(place)), "x", "h", *further]
        sources = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=4, unique=True))
        for source in sources:
            edges.append(f"  edge   {source} -> s{place} : {draw(_own(offered, common))}")
    merge = draw(st.sampled_from(("mean", "sum", "product")))
    nodes = [f"s{i}" for i in range(count + 1)]
    carried = [draw(st.sampled_from((*nodes, f"mean({nodes[0]}, {nodes[-1]}) > mix_bn"))) for _ in further]
    output = ", ".join((f"  output {merge}({', '.join(nodes)})", *carried))
    dropouts = draw(st.sampled_from(("", ", dropout_h = 0.25", ", dropout_x = 0.5, dropout_h = 0.3")))
    bias = draw(st.sampled_from(("", ', tie = "stem"')))
    network = [
        "network text(H = 4, vocab = 6) {",
        "  input tokens(3)",
        f"  stem  embedding(vocab, out = H, dropout = {draw(st.sampled_from(('0', '0.2')))})",
        f'  stage scan(recurrent, carry = "{", ".join(("h", *further))}"{dropouts}) width H',
        f"  head  linear(vocab{bias})",
        "}",
    ]
    return (
        HEADER.format(version=2 if further else 1)
        + "\n".join([*lines, *edges, output, "}", "", *network])
        + "\n"
    )


_BN = st.sampled_from(("", " > mix_bn"))


def _own(offered: st.SearchStrategy[list[str]], common: str) -> st.SearchStrategy[str]:
    """The candidates of an edge: mostly those of the others, since that is what passes put together."""
    return st.one_of(st.just(common), st.just(common), offered.map(" | ".join))
