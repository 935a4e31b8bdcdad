"""What other tools write and read, from Python: the functions `dartsl.import_genotype` and `dartsl.export`.

As in `dartsl.api.specs`, a spec is given by its path, a shipped spec's name, a `Source` or a `Spec`.
"""

from __future__ import annotations

from pathlib import Path

from dartsl.api.specs import Parameters, Plugins, SpecLike, check, names_a_run
from dartsl.lang.diagnostics import UserError


def import_genotype(file_or_text: str | Path, name: str | None = None, *, keep_unknown: bool = False) -> str:
    """The text of a spec made of published cells: genotypes of the DARTS family, wherever they stand in a text,
    NAS-Bench-301's tuples, NAS-Bench-201's strings or NNI's choices. Nothing is run.

    `name` picks one of several genotypes; without it the last counts where all have one name, as in a log.
    `keep_unknown` makes operations that dartsl does not know `extern op`s. Raises UserError.
    """
    from dartsl.exchange.importing import import_text

    return import_text(str(file_or_text), name, keep_unknown).text


def export(
    spec: SpecLike,
    to: str,
    output: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    epoch: int | None = None,
    seed: int = 0,
    plugins: Plugins = (),
    normalisation: bool = True,
    uint8: bool = False,
) -> str | bytes:
    """A spec or a run's folder for other tools: genotype or nasbench201 (text); onnx, torch or safetensors (bytes).

    The weights are those of a training's run, or fresh ones of a spec. A training's program takes images in 0..1 and
    normalises them, unless `normalisation` is False; with `uint8` it takes uint8. `output` names a file to write too.
    Raises SpecError, UserError.
    """
    from dartsl.exchange import exporting
    from dartsl.exchange.formats import FORMATS, TEXTS
    from dartsl.run.files import write_bytes

    if to not in FORMATS:
        raise UserError(f"there is no format `{to}`", "one of " + ", ".join(FORMATS), 2)
    if isinstance(spec, str | Path) and names_a_run(spec):
        subject = exporting.subject_of_run(Path(spec), epoch)
    else:
        subject = exporting.subject_of_spec(check(spec), network, parameters)
    if to in TEXTS:
        text = exporting.export_text(subject, to, uint8=uint8)
        if output is not None:
            write_bytes(Path(output), f"{text}\n".encode())
        return text
    found = exporting.export_bytes(
        subject, to, seed=seed, plugins=plugins, normalisation=normalisation, uint8=uint8
    )
    if output is not None:
        write_bytes(Path(output), found.data)
    return found.data
