"""What is wrong with the stages of a search as a spec has them, shown where it is (E0603, E0202)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from dartsl.lang.check.model import Spec
from dartsl.lang.codes import e02, e06
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.suggestions import close
from dartsl.lang.settings.stages import EPOCHS, KEEP, OWN, require_entry
from dartsl.lang.syntax.ast import ListLiteral, Setting, SettingsDecl, StageEntry, StageLiteral


def stages_of(setting: Setting) -> list[StageLiteral]:
    """The stages that a setting lists."""
    items = setting.value.items if isinstance(setting.value, ListLiteral) else ()
    return [item for item in items if isinstance(item, StageLiteral)]


def stage_faults(setting: Setting) -> Iterator[Diagnostic]:
    """E0603 for values that no stage can have, for one that keeps more candidates than that before, and where only some
    say their epochs; E0202 for a name that one has twice."""
    stages = stages_of(setting)
    name_of, most, before = setting.name.id, None, None
    lengths = [_entry(stage, EPOCHS) for stage in stages]
    for stage, length in zip(stages, lengths, strict=True):
        seen: dict[str, StageEntry] = {}
        for entry in stage.entries:
            name = entry.name.id
            if name in seen:
                yield e02.defined_twice(f"`{name}`", entry.name.span, seen[name].name.span, here="given")
            seen.setdefault(name, entry)
            try:
                require_entry(name, Fraction(entry.value.lexeme))
            except ValueError as wanted:
                yield e06.bad_stages(entry.value.span, name_of, f"this must be {wanted}")
        if length is None and any(lengths):
            label = "this one does not say its `epochs`"
            help = "give the epochs of each stage, or of none: all are as long then"
            yield e06.bad_stages(stage.span, name_of, label, help)
        keep = _entry(stage, KEEP)
        if before is not None and most is not None and (keep is None or _above(keep, most)):
            count = "all candidates" if keep is None else f"{keep.value.lexeme} candidates"
            place = stage.span if keep is None else keep.span
            earlier = Label(before.span, "the stage before keeps fewer")
            help = "what one stage drops, none after it has"
            yield e06.bad_stages(place, name_of, f"this keeps {count}", help, earlier)
        most, before = keep or most, keep or before


def parameter_faults(spec: Spec) -> Iterator[Diagnostic]:
    """E0603 for what is neither an entry of a stage of the spec's search nor a parameter of any of its networks."""
    if not spec.networks:
        return
    known = {each.name.id for network in spec.networks.values() for each in network.parameters}
    entries = [
        entry
        for block in spec.root.declarations
        if isinstance(block, SettingsDecl) and block.kind == "search"
        for setting in block.settings
        for stage in stages_of(setting)
        for entry in stage.entries
    ]
    for entry in entries:
        name = entry.name.id
        if name in known or name in OWN:
            continue
        near = close(name, [*known, *OWN])
        own = ", ".join(f"`{each}`" for each in sorted(known)) or "none"
        help = f"did you mean `{near}`?" if near else f"parameters of the network: {own}"
        yield e06.bad_stages(entry.name.span, "stages", "no parameter of the network", help)


def _entry(stage: StageLiteral, name: str) -> StageEntry | None:
    return next((entry for entry in stage.entries if entry.name.id == name), None)


def _above(one: StageEntry, other: StageEntry) -> bool:
    return Fraction(one.value.lexeme) > Fraction(other.value.lexeme)
