"""Random specs for Hypothesis: cells of any shape, operations of any name, any stride and size. All are sound."""

from __future__ import annotations

import re

from hypothesis import strategies as st

KERNELS = (1, 3, 5)

# What an operation may be, at stride 1 and 2. {k}, {j} are odd kernels, {d} a dilation; nothing here gives `none`.
BODIES = (
    "relu > conv({k}, dilation = {d})/stride > bn",
    "conv({k})/stride",
    "tanh > conv({k})/stride > bn > relu > conv({j}) > bn",
    "relu > dwconv({k}, dilation = {d})/stride > conv(1) > bn",
    "dwconv({k}, dilation = {d})/stride > bn",
    "relu > dwconv({k})/stride > conv(1) > bn > relu > dwconv({k}) > conv(1) > bn",
    "relu > dwconv({k}, dilation = 2) > dwconv({j}, dilation = 2)/stride > conv(1) > bn",
    "relu > conv_across({k})/stride > conv_down({j})/stride > bn",
    "max_pool({k})/stride > mix_bn",
    "avg_pool({k})/stride > mix_bn",
    "max_pool(3)/stride",
    "relu > relu > avg_pool({k})/stride > bn > mix_bn",
    "match stride {{ 1 => identity, 2 => max_pool(2)/2 > conv({k}) > bn }}",
    "match stride {{ 1 => identity, 2 => relu > concat(conv(1, out = C/2)/2, shift(1, 1) > conv(1, out = C/2)/2) }}",
    "match stride {{ 1 => sum(identity, relu > conv({k}) > bn), 2 => avg_pool(2)/2 }}",
    "product(conv({k})/stride, global_avg_pool > conv(1) > sigmoid) > bn",
    "shift(1, -2) > relu > avg_pool({k})/stride",
    "noise",
)

# Of darts 2: operations with arguments, and calls of them, some of which offer a choice. All give the width asked of
# them, at stride 1 and 2; {k} and {j} are different kernels, {f} and {g} different functions.
OPERATIONS = """op one(f, k) = f > conv(k)/stride > bn
op wide(k, r) = conv(1, out = r*Cin) > bn > relu6 > dwconv(k)/stride > bn > conv(1) > bn
op through(f) = f(out = 2*C) > hard_swish > conv(1, groups = 2)/stride
op kept(f) = match shape { keeps => mean(identity, f), changes => f/stride > bn }
""".splitlines()
CALLS = (
    "one({f} | {g}, {k} | {j})",
    "one(k = {k} | {j}, f = {f} > {g})",
    "wide({k}, 1/2 | 2)",
    "wide({k} | {j}, 1)",
    "through(conv({k}) | sep_conv({j}))",
    "through(one({f}, {k}))",
    "residual(one({f} | {g}, {k}))",
    "kept(wide({k} | {j}, 1))",
    "conv({k} | {j}, groups = 1 | 2)",
    "sep_conv({k}, out = C)",
)
AFTER = (" > relu > conv(3) > bn", " > (one(relu, 3) | wide(3, 2))", " > bn")
# What a cell may stand in as an operation; `knot` takes any width.
USES = {
    "motif": (
        "residual(motif)",
        "{f} > motif/stride",
        "motif/stride > {f}",
        "one(motif, {k})",
        "kept(motif)",
    ),
    "knot": (
        "residual({f} > knot/stride)",
        "knot(out = 2*C)/stride > conv({k}) > bn",
        "through(knot)",
        "one(knot, {k})",
    ),
}
# Of tables: operations on vectors.
OF_VECTORS = (
    "linear",
    "bn > {f} > linear(bias = false)",
    "residual(layer_norm > linear(out = {r}*C) > {f} > linear)",
    "product(identity, linear > hard_sigmoid) > group_norm(2)",
    "mean({f}, linear > bn)",
    "match shape {{ keeps => identity, changes => linear }}",
)
FUNCTIONS = ("relu", "tanh", "silu", "gelu", "hard_sigmoid", "identity", "layer_norm", "group_norm(2)")


@st.composite
def spec_texts(draw: st.DrawFn, largest: int = 3, version: int = 1) -> str:
    """The text of a network of two or three cells with at most `largest` nodes each.

    In version 2 operations may follow the merge of a node, layers that offer a choice stand before the cells, and there
    are choices among arguments, widths as arguments, `Cin` and `match shape`. Half of the texts have cells that
    stand as operations, one within the other.
    """
    names = [
        f"{draw(st.sampled_from(('op', 'max_pool', 'skip', 'x')))}_{i}"
        for i in range(draw(st.integers(2, 5)))
    ]
    bodies = [_body(draw) for _ in names]
    cells = ["first", "second"][: draw(st.integers(1, 2))]
    raw = draw(st.booleans())
    width = draw(st.sampled_from((2, 4)))
    height, breadth = draw(st.integers(5, 9)), draw(st.integers(5, 9))
    stages = [
        f"{draw(st.sampled_from(cells))}{draw(st.sampled_from(('', '/2')))}"
        for _ in range(draw(st.integers(2, 3)))
    ]
    motifs, offered = _motifs(draw, names) if version == 2 and draw(st.booleans()) else ([], names)
    if version == 2:  # before the cells, since what a pool gives is as wide as what reaches it
        stages = [_layer(draw, offered) for _ in range(draw(st.integers(0, 2)))] + stages
        strided = [place for place, stage in enumerate(stages) if stage.endswith("/2")]
        for place in strided[3:]:  # three strides leave one of five pixels
            stages[place] = stages[place].removesuffix("/2")
    lines = [f"darts {version}", 'import "std/cnn"', ""]
    if version == 2:
        lines[2:] = ['import "std/blocks"', "", *OPERATIONS]
        calls = draw(st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True))
        lines.append(f"ops offered = {' | '.join(_call(draw, each) for each in calls)} | conv(5)/stride > bn")
    lines += [f"op {name} = {body}" for name, body in zip(names, bodies, strict=True)]
    lines += motifs
    for cell in cells:
        lines += _cell(draw, cell, offered, raw, largest, version)
    lines += [
        "",
        f"network tested(C = {width}) {{",
        f"  input image({draw(st.integers(1, 3))}, {height}, {breadth})",
        "  stem  conv(3) > bn",
        f"  stage {' > '.join(stages)} width C",
        "  head  relu > global_avg_pool > linear(3)",
        "}",
    ]
    return "\n".join(lines) + "\n"


def series_texts(largest: int = 1) -> st.SearchStrategy[str]:
    """Those of version 2 with series in place of images."""
    return spec_texts(largest, version=2).map(_of_series)


def _of_series(text: str) -> str:
    one_way = re.sub(r" > conv_down\(\d\)/stride", "", text)  # a series has one axis
    return re.sub(r"input image\((\d), (\d), (\d)\)", r"input series(\1, \2\3)", one_way)


@st.composite
def table_texts(draw: st.DrawFn) -> str:
    """The text of a network of vectors: cells, one of which stands in another, and layers that offer a choice."""
    names = [f"x_{i}" for i in range(draw(st.integers(2, 4)))]
    bodies = [
        draw(st.sampled_from(OF_VECTORS)).format(f=draw(_FUNCTION), r=draw(st.sampled_from(("1/2", 1, 2))))
        for _ in names
    ]
    layers = ("whole", "offered", f"({_offer(draw, names, True)} | motif)")
    stages = draw(st.lists(st.sampled_from(layers), min_size=1, max_size=3))
    lines = [
        "darts 2",
        'import "std/blocks"',
        *(f"op {name} = {body}" for name, body in zip(names, bodies, strict=True)),
        *_cell(draw, "motif", names, True, 1, 1),
        f"ops offered = {' | '.join(names)} | linear | {draw(_FUNCTION)} > motif",
        *_cell(draw, "whole", ["offered", "motif"], True, 2, 1),
        "",
        "network tested(D = 4) {",
        f"  input vector({draw(st.integers(1, 6))})",
        "  stem  linear > bn",
        f"  stage {' > '.join(stages)} width D",
        "  head  layer_norm > linear(3)",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _body(draw: st.DrawFn) -> str:
    text: str = draw(st.sampled_from(BODIES))
    k, j = draw(st.sampled_from(KERNELS)), draw(st.sampled_from(KERNELS))
    return text.format(k=k, j=j, d=draw(st.sampled_from((1, 2, 2, 3))))


def _layer(draw: st.DrawFn, operations: list[str]) -> str:
    """A layer of a stage that offers a choice."""
    stride = draw(st.sampled_from(("", "", "/2", "*2")))
    layer = draw(st.sampled_from(("offered", f"({_offer(draw, operations, True)} | relu > conv(3)/stride)")))
    return f"{layer}{stride}"


def _motifs(draw: st.DrawFn, operations: list[str]) -> tuple[list[str], list[str]]:
    """Two cells, of which one stands in the other, which takes any width; and operations, these cells among them."""
    inner = _cell(draw, "motif", operations[:2], True, 1, 1)
    outer = _cell(draw, "knot", [operations[0], *_uses(draw, "motif")], True, 1, 1)
    outer[2] += " : conv(1) > bn"
    return [*inner, *outer], [*operations, *_uses(draw, "motif"), *_uses(draw, "knot")]


def _uses(draw: st.DrawFn, cell: str) -> list[str]:
    """The cell as an operation, and within one."""
    k, f = draw(st.sampled_from(KERNELS)), draw(_FUNCTION)
    return [cell, draw(st.sampled_from(USES[cell])).format(k=k, f=f)]


def _cell(
    draw: st.DrawFn, name: str, operations: list[str], raw: bool, largest: int, version: int
) -> list[str]:
    """A cell; a raw one takes one input as it is, and has an output as wide as its input."""
    inputs = ["a"] if raw else ["a", "b"][: draw(st.integers(1, 2))]
    nodes = [f"n{i}" for i in range(draw(st.integers(1, largest)))]
    lines = ["", f"cell {name} {{", f"  input {', '.join(inputs)}" + ("" if raw else " : preprocess")]
    edges = []
    for place, node in enumerate(nodes):
        merge = draw(st.sampled_from(("sum", "sum", "sum", "mean", "product", "sum > mix_bn")))
        after = (
            draw(st.sampled_from(("", *AFTER, f" > ({_offer(draw, operations, True)})")))
            if version == 2
            else ""
        )
        lines.append(f"  node {node} : {merge}{after}")
        sources = [*inputs, *nodes[:place]]
        for source in draw(st.lists(st.sampled_from(sources), min_size=1, max_size=4)):  # twins may occur
            offer = _offer(draw, operations, merge == "sum")
            if version == 2:
                offer = draw(st.sampled_from((offer, f"{offer} | one({draw(_FUNCTION)} > conv(1), 3 | 5)")))
            edges.append(f"  edge {source} -> {node} : {offer}")
    ends = draw(st.lists(st.sampled_from(nodes), min_size=1, unique=True))
    if raw:
        output = ends[0] if len(ends) == 1 else f"{draw(st.sampled_from(('sum', 'mean')))}({', '.join(ends)})"
    else:
        output = f"concat({', '.join(ends)})"
    return [*lines, *edges, f"  output {output}", "}"]


def _offer(draw: st.DrawFn, operations: list[str], summed: bool) -> str:
    """The candidates of an edge: some operations, `none` among them where the node is a sum."""
    offered = draw(st.lists(st.sampled_from(operations), min_size=1, max_size=4, unique=True))
    if summed and draw(st.booleans()):
        offered.insert(draw(st.integers(0, len(offered))), "none")
    return " | ".join(offered)


def _call(draw: st.DrawFn, form: str) -> str:
    k, j = draw(st.permutations(KERNELS))[:2]
    f, g = draw(st.permutations(FUNCTIONS))[:2]
    return form.format(k=k, j=j, f=f, g=g)


_FUNCTION = st.sampled_from(FUNCTIONS)
