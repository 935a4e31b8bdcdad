"""A run as an object: what lies in its folder, read when it is asked for. Torch is imported for weights alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.specs import Plugins, RunLike, path_of
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.run.interrupt import Interrupted

if TYPE_CHECKING:
    from dartsl.run.folder import RunFolder
    from dartsl.searching.loop import SearchResult
    from dartsl.training.loop import TrainResult


class Run:
    """The run of a search or of a training, by its folder. Each attribute is read anew, so that it is what the folder
    now holds: a run that is at work, or went on, is seen as it is.

    It stands for its folder wherever a path may: dartsl.resume(run), dartsl.evaluate(run), dartsl.compile(run).
    Whatever is asked of a folder that was moved or damaged raises UserError.
    """

    def __init__(self, path: RunLike) -> None:
        """Raises UserError where `path` is no run folder."""
        self.path = path_of(path)
        self._folder()

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __eq__(self, other: object) -> bool:
        return self.path == other.path if isinstance(other, Run) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        try:
            return f"<Run {self.path}: {self._line()}>"
        except (UserError, SpecError, OSError) as fault:
            return f"<Run {self.path}: {fault}>"

    def _repr_svg_(self) -> str | None:
        """As a notebook shows it: a search's cells, a training's curves; None while there is nothing to draw."""
        from dartsl.api.drawing import svg

        return svg(self)

    @property
    def kind(self) -> str:
        """`search` or `train`: the command that makes such runs."""
        return self._folder().kind.name

    @property
    def spec(self) -> Spec:
        """What was searched or trained, from the run's own copy. Raises SpecError where that was broken."""
        from dartsl.searching.derive import run_network

        return run_network(self._folder())[0]

    @property
    def network(self) -> str:
        """The name of its network."""
        return self._folder().info.network

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings of the search or the training, defaults too."""
        return dict(self._folder().info.settings)

    @property
    def init(self) -> Mapping[str, Any] | None:
        """Whose weights the run began with: `path`, `sha256`, the tensors of the head that were `fresh`, and whether a
        search took over `alphas`; None: all was fresh."""
        found = self._folder().info.init
        return None if found is None else asdict(found)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done; else the run is at work or was interrupted, and `dartsl.resume` goes on."""
        folder = self._folder()
        return (folder.path / folder.kind.outcome[0]).exists()

    @property
    def history(self) -> list[dict[str, Any]]:
        """Of each epoch, the first one first, what `history.jsonl` has: losses, accuracies, learning rate, seconds."""
        return self._folder().history()

    def to_pandas(self) -> Any:
        """The history as a pandas.DataFrame, a row an epoch; what is within an entry has a name as `entropy.normal`.

        Raises UserError where pandas is not installed: dartsl does not depend on it.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("this needs the package `pandas`", "pip install pandas") from None
        return pandas.json_normalize(self.history).set_index("epoch")

    def alphas(self, epoch: int | None = None) -> types.ByName:
        """The alphas of a search after its last epoch, or after `epoch`, by cell, edge and candidate:
        run.alphas()["normal"]["c0 -> n1"]["skip_connect"]. Raises UserError, also for a training."""
        from dartsl.searching.by_name import alphas_by_name

        require(epoch=epoch)
        return alphas_by_name(self._folder(), epoch)

    def mixing_weights(self, epoch: int | None = None) -> types.ByName:
        """As `alphas`, what the relaxation makes of them: their softmax, unless the search has another.

        With `edge_weights` in the search they are those of each edge by itself; in the network, and where edges are
        compared, they are multiplied by what the method `edge_weights` gives."""
        from dartsl.searching.by_name import mixing_weights_by_name

        require(epoch=epoch)
        return mixing_weights_by_name(self._folder(), epoch)

    def edge_weights(self, epoch: int | None = None) -> types.EdgesByName:
        """Each edge's share of the node that it leads to, after the last epoch or after `epoch`, by cell and edge:
        run.edge_weights()["normal"]["c0 -> n1"]. Raises UserError, also for a search without `edge_weights`."""
        from dartsl.searching.by_name import edge_weights_by_name

        require(epoch=epoch)
        return edge_weights_by_name(self._folder(), epoch)

    @property
    def found(self) -> str | None:
        """The text of what a search has found; None while it is not finished, and for a training."""
        from dartsl.run.files import read_file
        from dartsl.run.kinds import SEARCH

        folder = self._folder()
        if folder.kind != SEARCH or not folder.found.exists():
            return None
        return read_file(folder.found).decode("utf-8", "replace")

    @property
    def found_spec(self) -> Spec | None:
        """What a search has found, checked; None as `found`. Raises SpecError where the file was broken."""
        from dartsl.lang.checker import check
        from dartsl.lang.codes.source import Source

        text, path = self.found, self._folder().found
        return None if text is None else check(Source(str(path), text, path))

    def derive(self, epoch: int | None = None, rule: str | None = None) -> str:
        """What `dartsl.derive` gives: the cells that the alphas stand for, as the text of a spec. Raises UserError."""
        from dartsl.api.searching import derive

        return derive(self, epoch, rule)

    def draw(
        self, output: str | Path | None = None, *, cell: str | None = None, epoch: int | None = None
    ) -> str:
        """What `dartsl.draw` gives: the cells as DOT text, and as a picture in `output`. Raises UserError."""
        from dartsl.api.drawing import draw

        return draw(self, output, cell=cell, epoch=epoch)

    def plot(self, output: str | Path | None = None) -> Path:
        """What `dartsl.plot` gives: the path of a picture of how the run went. Raises UserError."""
        from dartsl.api.drawing import plot

        return plot(self, output)

    @property
    def parameters(self) -> int:
        """Of its network, alphas and those of `extern op`s left out, and without an auxiliary head."""
        from dartsl.graph.build import build
        from dartsl.graph.count import parameters
        from dartsl.lang.plan.network_plan import plan

        return parameters(build(plan(*self._planned())))

    @property
    def auxiliary_parameters(self) -> int:
        """Of the auxiliary head, which training alone has; 0 where there is none."""
        from dartsl.graph.build import build
        from dartsl.graph.count import parameters
        from dartsl.lang.plan.network_plan import plan

        if not self.settings.get("auxiliary"):
            return 0
        return parameters(build(plan(*self._planned()), auxiliary=True), layer="auxiliary")

    @property
    def result(self) -> dict[str, Any] | None:
        """What `result.json` of a training has; None while it is not finished, and for a search."""
        from dartsl.run.kinds import TRAIN
        from dartsl.training.measured import read_result

        folder = self._folder()
        return read_result(folder) if folder.kind == TRAIN and self.finished else None

    @property
    def test(self) -> types.Tested | None:
        """The test figures of a training; None while it is not finished, without test data, and for a search."""
        from dartsl.training.measured import tested

        result = self.result
        return None if result is None or result["test"] is None else tested(result["test"])

    def weights(self, which: types.Which = "evaluated") -> types.Weights:
        """The tensors of the last checkpoint by name, on the CPU: a state_dict.

        which  "last": after the last step; "average": their moving average (`ema`) or mean (ASGD of a text);
               "evaluated": the average where the run has one, else the last. No epoch is picked by validation

        Raises UserError.
        """
        from dartsl.run.weights import weights_of

        require(which=which)
        return weights_of(self._folder(), which)[0]

    def model(
        self, which: types.Which = "evaluated", *, device: str | None = None, plugins: Plugins = ()
    ) -> types.Supernet:
        """The network in evaluation mode, with its weights: of a training the trained one, of a search the supernet
        with its alphas. On a GPU where there is one, unless `device` names another; no data set is needed.

        In a supernet what the search schedules, such as a temperature, is as in the last epoch that is over; a
        relaxation that draws does so here, the same in every pass unless another one is given (`pass_`).

        `which` is that of `weights`; `plugins` names those of a run that was not made in its folder by this user.
        Raises UserError.
        """
        from dartsl.run.kinds import SEARCH
        from dartsl.run.resuming import Anew

        require(which=which, plugins=plugins)
        anew = Anew(device, plugins)
        if self._folder().kind == SEARCH:
            from dartsl.searching.searched import searched

            return searched(self.path, anew, which)
        from dartsl.training.trained import trained

        return trained(self.path, anew, which).model

    def _folder(self) -> RunFolder:
        from dartsl.run.folder import RunFolder

        return RunFolder.open(self.path)

    def _planned(self) -> tuple[Any, ...]:
        """The spec, its network and the network's parameters."""
        from dartsl.searching.derive import run_network

        spec, network = run_network(self._folder())
        return spec, network, self._folder().values(network)

    def _line(self) -> str:
        """What was run, how far it came, and what it reached."""
        from dartsl.lang.syntax.paths import printable

        folder, history, test = self._folder(), self.history, self.test
        source = printable(Path(folder.info.source).name)
        after = {name: sum(name in row for row in history) for name in ("projection", "selection")}
        done = f"epoch {len(history) - sum(after.values())} of {folder.info.settings['epochs']}"
        done += "".join(f" and {count} of its {name}" for name, count in after.items() if count)
        state = "finished" if self.finished else "not finished"
        reached = "" if test is None else f", test {test.headline}"
        return f"{folder.kind.title} of {source}, network {printable(folder.info.network)}, {done}, {state}{reached}"


def ended(result: SearchResult | TrainResult) -> Run:
    """The run that a search or a training has made, finished or stopped by a callback.

    Raises Interrupted, a KeyboardInterrupt, where Ctrl-C stopped it.
    """
    run = Run(result.path)
    if result.interrupted:
        raise Interrupted(run)
    return run


def all_ended(results: Sequence[TrainResult]) -> list[Run]:
    """The same of several seeds, of which the last may have been stopped."""
    runs = [Run(each.path) for each in results]
    if results[-1].interrupted:
        raise Interrupted(runs)
    return runs
