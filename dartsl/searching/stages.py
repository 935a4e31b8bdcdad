"""A search as its stages, one session after the other; most searches have one.

After a stage each edge keeps its strongest candidates. The next one begins afresh, in a network of its own parameters
(P-DARTS, Chen et al., arXiv 1904.12760), or goes on with what was learnt (DrNAS, Chen et al., arXiv 2006.10355).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from dartsl.graph.prune import Kept
from dartsl.graph.tables import tables_of
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.parts import steps
from dartsl.lang.plan.terms import CellLayer, Plan
from dartsl.lang.records.primitives import called, owner
from dartsl.lang.settings.fields import goes_with
from dartsl.lang.settings.presets import PRESETS
from dartsl.lang.settings.stages import FRESH, PARTIAL, SKIP_DROPOUT, SearchStage
from dartsl.lang.settings.values import SearchConfig, any_of
from dartsl.nn.build import Build
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.run.job import Job
from dartsl.run.parallel import ALONE, Group
from dartsl.run.schema import MisfitError, record
from dartsl.searching.kept import STAGE, STAGE_SCHEMA, carry, kept_in, strongest
from dartsl.searching.session import SearchSession
from dartsl.searching.sessions import Data, session_of
from dartsl.searching.spans import Span, settings_of, spans

_STATE = record({}, STAGE_SCHEMA)


_FIELDS = {spec.name: spec for spec in fields(SearchConfig)}


class Course:
    """The stages of a search, and the session of the one that it is in.

    `config` are the settings of the search; each stage has its own of them.
    """

    session: SearchSession[Any]

    def __init__(self, job: Job, config: SearchConfig, group: Group = ALONE) -> None:
        """Raises UserError, SpecError for stages that the network does not have."""
        self.job = job
        self.config = config
        self.group = group
        self.spans = spans(config)
        for span in self.spans:
            self._require(span)

    @property
    def last(self) -> bool:
        """Whether no stage comes after this one."""
        return self.session.span.number + 1 == len(self.spans)

    def plan(self, span: Span) -> Plan:
        """That of a stage's network. Raises UserError, SpecError."""
        parameters = {**self.job.parameters, **self._parameters(span)}
        partial = settings_of(self.config, span).partial
        return plan(self.job.spec, self.job.picked(), parameters, partial)

    def model(self, number: int = 0, kept: Kept | None = None, memory: str | None = None) -> Supernet:
        """The network of a stage, with the candidates that are left. Raises UserError, SpecError; ValueError for
        candidates that it does not have."""
        span = self.spans[number]
        build = Build.of(settings_of(self.config, span))
        if number and self.config.stages_start == FRESH:
            build = replace(build, seed=stream_seed(self.config.seed, "stage", number))
        build = build if memory is None else replace(build, memory=memory)
        return from_plan(self.job.spec, self.plan(span), build, self.job.plugins, kept)

    def enter(self, model: Supernet, data: Data, number: int = 0) -> None:
        """Begin a stage with its network. Raises UserError."""
        self._data = data
        span = self.spans[number]
        settings = settings_of(self.config, span)
        stage = span if self.config.stages else None
        self.session = session_of(model, settings, data, self.group, self.job.given, stage)

    def advance(self) -> None:
        """Go over to the next stage. Raises UserError, SpecError."""
        number = self.session.span.number + 1
        stage, old = self.config.stages.stages[number], self.session
        kept = strongest(old.model, old.readings(), stage.keep)
        done, steps, drawn = old.epoch, old.number, old.between()
        if self.config.stages_start == FRESH:
            del old, self.session  # before another network is built
            self.enter(self.model(number, kept), self._data, number)
        else:
            self.enter(self.model(number, kept), self._data, number)
            key = (self.config.seed, "wider", number)
            carry(old.model, self.session.model, old.optimizers, self.session.optimizers, *key)
        self.session.load_random_state(drawn)
        self.session.epoch, self.session.number = done, steps

    def sizes(self) -> Iterator[tuple[Span, float, int]]:
        """Of each stage, its dropout after skip connections, and the most candidates of an edge; 0: all."""
        for span, stage in zip(self.spans, self.config.stages, strict=True):
            yield span, settings_of(self.config, span).skip_dropout, stage.keep

    def words(self) -> str:
        """What a user should know of the stage that begins; nothing, where there are none."""
        span = self.session.span
        if not self.config.stages:
            return ""
        stage = self.config.stages.stages[span.number]
        epochs = (
            f"epochs {span.first + 1} to {span.end}" if span.first + 1 < span.end else f"epoch {span.end}"
        )
        keep = f"at most {stage.keep} candidates an edge" if stage.keep else "all candidates"
        values = "".join(f", {name} = {value}" for name, value in self._parameters(span).items())
        values += f", partial = {stage.partial}" if stage.partial is not None else ""
        return f"stage {span.number + 1} of {span.of}: {epochs}, {keep}{values}"

    def _parameters(self, span: Span) -> dict[str, Any]:
        """Those of the network that a stage has otherwise; of a method's own stages those that the network has."""
        if not self.config.stages:
            return {}
        stage: SearchStage = self.config.stages.stages[span.number]
        takes = self.job.picked().takes
        of_method = PRESETS[self.config.method].settings(takes.kind).get("stages")
        known = {each.name.id for each in self.job.picked().parameters}
        own = of_method == self.config.stages
        return {name: value for name, value in stage.parameters if name in known or not own}

    def _require(self, span: Span) -> None:
        if not self.config.stages:
            return
        stage = self.config.stages.stages[span.number]
        given = {SKIP_DROPOUT: bool(stage.skip_dropout), PARTIAL: stage.partial not in (None, 1)}
        takes = self.job.picked().takes
        for name in (name for name in given if given[name]):
            if not goes_with(_FIELDS[name].metadata, takes.kind):
                theirs = any_of(_FIELDS[name].metadata["only"])
                raise UserError(
                    f"`{name}` is for networks of {theirs}, and this one is of {takes.kind}",
                    "leave it out of the stages: it would do nothing",
                    exit_code=2,
                )
        if stage.parameters:
            self._require_same_tables(self.plan(span), span)
        if stage.parameters or any(each.partial is not None for each in self.config.stages):
            self._require_widening(self.plan(span), span)

    def _require_same_tables(self, plan: Plan, span: Span) -> None:
        """How many layers offer a choice may depend on a parameter; each stage has the alphas of the whole search."""
        if tables_of(plan.cells()) != tables_of(self.job.plan().cells()):
            given = ", ".join(f"`{name}`" for name in self._parameters(span))
            raise UserError(
                f"stage {span.number + 1} has other layers that offer a choice than the network of the search",
                f"they have alphas of their own, so that a stage cannot change their number: leave out {given}",
                exit_code=2,
            )

    def _require_widening(self, plan: Plan, span: Span) -> None:
        parts = self.config.stages.partials(self.config.partial)[: span.number + 1]
        if self.config.stages_start == FRESH or len(set(parts[-2:])) == 1:
            return
        searched = [
            term
            for layer in plan.layers
            if isinstance(layer, CellLayer)
            for edge, terms in zip(layer.cell.edges, layer.built, strict=True)
            for term in (terms if edge.searched else ())
        ]
        for step in (step for term in searched for step in steps(term)):
            if owner(step.primitive).has("opaque", "fixed"):
                raise UserError(
                    f"stage {span.number + 1} has wider candidates, and what `{called(step.primitive)}` has learnt "
                    "cannot be made wider",
                    'give all stages the same `partial`, or `stages_start = "fresh"`',
                    exit_code=2,
                )


def saved_stage(folder: RunFolder, config: SearchConfig) -> tuple[int, Kept]:
    """The number of the stage, from 0, that a run's checkpoint is of, and the candidates that it has.

    Raises UserError for a checkpoint that is damaged or does not fit.
    """
    if not config.stages or not folder.checkpoint.exists():
        return 0, {}
    state = checkpoint.load(folder.checkpoint, folder.info.identity)
    try:
        _STATE(state, "state")
        number = int(state.get(STAGE, 0))
        if number >= len(config.stages):
            raise MisfitError(f"state.{STAGE}")
    except MisfitError as place:
        raise UserError(
            f"{folder.checkpoint} does not fit the run it lies in: `{place}` is missing or not what it was"
        ) from None
    return number, kept_in(state)


def saved_model(course: Course, folder: RunFolder, memory: str | None = None) -> tuple[Supernet, int]:
    """The network of the stage that a run's checkpoint is of, with numbers of its own, and which stage that is.

    Raises UserError, SpecError.
    """
    number, kept = saved_stage(folder, course.config)
    try:
        return course.model(number, kept, memory), number
    except ValueError as fault:
        raise UserError(f"{folder.checkpoint} does not fit the run it lies in: {fault}") from None
