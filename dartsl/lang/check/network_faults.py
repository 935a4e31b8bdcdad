"""Texts of the faults of networks (E0308, E06xx), and what is said of parameters that there are not."""

from __future__ import annotations

from collections.abc import Iterable

from dartsl.lang.check.model import Cell, Network
from dartsl.lang.check.resolve import NamedDecl, noun
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes import e03, e04_values, e05, e06
from dartsl.lang.codes.diagnostics import Diagnostic, Label, UserError
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.records.inputs import INPUTS, Input, inputs_of
from dartsl.lang.records.tensors import Tensor
from dartsl.lang.settings.values import any_of
from dartsl.lang.syntax.ast import Call, Expr, Name, Number, OpsDecl, Parameter, String

EXAMPLES = {
    "input": "input image(3, 32, 32)",
    "stem": "stem conv(3) > bn",
    "stage": "stage normal*2 width C",
    "head": "head global_avg_pool > linear(10)",
}
ORDER = "a network has one `input`, then its stems, then its stages, then one `head`"


def missing(network: Name, words: list[str]) -> Diagnostic:
    """E0308 for the items that a network must have and has not."""
    help = "for example " + ", then ".join(f"`{EXAMPLES[word]}`" for word in words)
    return e03.missing_items(network.span, network.id, words, ORDER, help)


def second(network: Name, word: str, span: Span, first: Span) -> Diagnostic:
    """E0308 for a second input or head."""
    return e03.second_item(span, network.id, word, first)


def order(word: str, latest: str, span: Span, before: Span) -> Diagnostic:
    """E0308 for an item after one that must follow it."""
    return e03.out_of_order(span, word, latest, before, ORDER)


def no_default(parameter: Parameter) -> Diagnostic:
    """E0605 for a parameter of a network without a default."""
    return e06.no_default(parameter.span, parameter.name.id)


def bad_default(parameter: Parameter, default: Expr) -> Diagnostic:
    """E0605 for a default that is no number."""
    text = default.value if isinstance(default, String) and default.value.isdigit() else "16"
    return e06.bad_default(default.span, parameter.name.id, text)


def not_an_input(call: Call) -> Diagnostic:
    """E0308 for the `input` of a network that is none of those there are."""
    known = inputs_of(call.span.source.version).values()
    label = f"write {any_of([each.form() for each in known])}"
    later = INPUTS.get(call.function.id)
    help = None if later is None else f"`{later.word}` needs `darts {later.since}` at the top of the file"
    return e03.no_input(call.span, any_of([each.one for each in known]), label, help)


def input_arguments(call: Call, found: type[Input]) -> Diagnostic:
    """E0401 for anything but the right count of numbers in their order."""
    count, takes = len(call.arguments), len(found.sizes)
    accepted = f"{takes} argument{'s' * (takes != 1)}"
    accepted += f", not {count}" if count != takes else " without names"
    return e04_values.input_arguments(call.span, found.word, accepted, found.form())


def too_small(layer: Span, tensor: Tensor, image: Call) -> Diagnostic:
    """E0504 for a layer that strides an image, or a series, that it cannot halve."""
    this, size = ("series", f"of {tensor.size_text()}") if tensor.series else ("image", tensor.size_text())
    title = f"the {this} is too {'short' if tensor.series else 'small'} for this stride"
    label = f"the {this} is {size} when it reaches this layer"
    start = Label(image.span, f"the {this} at the start")
    help = "use longer series, or fewer layers that stride" if tensor.series else _larger(image)
    return e05.too_small(layer, title, label, help, start)


def _larger(image: Call) -> str:
    """What to do where an image becomes too small to be strided."""
    sides = [argument.value for argument in image.arguments]
    numbers = [int(side.lexeme) for side in sides if isinstance(side, Number) and side.lexeme.isdigit()]
    if len(numbers) == 3 and numbers[2] in (1, 3) and numbers[0] > numbers[2]:
        height, width, channels = numbers
        return f"the order is channels, height, width: write `image({channels}, {height}, {width})`"
    return "use larger images, or fewer layers that stride"


def scan_of_images(expr: Name | Call) -> Diagnostic:
    """E0609 for a `scan` in a network of images."""
    return e06.scan_of_images(expr.span)


def image_cell(name: Name) -> Diagnostic:
    """E0609 for a cell as a layer of its own in a network of text."""
    return e06.cell_of_images(name.span, name.id)


def recurrent_cell(name: Name, cell: Cell, text: bool) -> Diagnostic:
    """E0607 for a cell with a highway, or with several outputs, as a layer by itself; `text`: of a network of text."""
    if cell.further:
        span = cell.output.span.to(cell.further[-1].span)
        help = f'write `scan({name.id}, carry = "...")`' if text else "join them, `output concat(a, b)`"
        return e06.further_outputs(name.span, name.id, len(cell.outputs), span, help)
    spans = [
        node.merge_span for node in cell.nodes if node.merge == "highway" and node.merge_span is not None
    ]
    other = tuple(Label(span, "only cells that run along a sequence have a highway") for span in spans[:1])
    return e06.recurrent_layer(name.span, name.id, other)


def no_cell(name: Name, declaration: NamedDecl) -> Diagnostic:
    """E0402 for a `scan` of something else."""
    declared = Label(declaration.name.span, f"{noun(declaration)} `{name.id}`")
    return e04_values.expected(name.span, "a cell", f"`{name.id}` is not a cell", None, declared)


def cell_at_end(name: Name, place: str) -> Diagnostic:
    """E0606 for a cell as stem or head."""
    return e06.cell_at_end(name.span, name.id, place)


def choice_as_layer(span: Span, declared: OpsDecl | None = None) -> Diagnostic:
    """E0606 for a choice in a stage."""
    secondary = () if declared is None else (Label(declared.name.span, "declared as a choice here"),)
    return e06.choice_as_layer(span, *secondary)


def open_cell(expr: Name | Call, signature: Signature) -> Diagnostic:
    """E0606 for a cell whose parameters are open."""
    wanted = ", ".join(p.name.id for p in signature.parameters)
    return e06.open_cell(expr.span, signature.name, wanted, Label(signature.span, f"declared as {signature}"))


def require_parameters(network: Network, given: Iterable[str]) -> None:
    """Raise UserError (exit code 2) for the name of a parameter that a network does not have."""
    known = [parameter.name.id for parameter in network.parameters]
    for name in given:
        if name not in known:
            near = close(name, known)
            has = f"it has {', '.join(f'`{each}`' for each in known) or 'none'}"
            help = f"did you mean `{near}`?" if near else has
            raise UserError(f"network `{network.name}` has no parameter `{name}`", help, exit_code=2)
