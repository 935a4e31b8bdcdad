"""The functions of `import dartsl`: what a reader, an editor and a type checker see of them, and that they are loaded
only when they are used."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Literal, Unpack, get_args, get_origin, get_type_hints

import pytest

import dartsl
from dartsl import api
from dartsl.api import types
from dartsl.api.settings import SearchSettings, TrainSettings
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.stages import Stages
from dartsl.lang.settings.values import SearchConfig, TrainConfig

FUNCTIONS = sorted(api.__all__)
ROOT = Path(__file__).parents[2]


def test_dartsl_hands_on_the_functions_of_its_api() -> None:
    others = {"Epoch", "Error", "Source", "SpecError", "Step", "UserError", "__version__"}
    assert set(dartsl.__all__) - others == set(FUNCTIONS)
    assert all(getattr(dartsl, name) is getattr(api, name) for name in FUNCTIONS)
    assert set(dir(dartsl)) == set(dartsl.__all__)
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        dartsl.serach  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_gives_and_raises(name: str) -> None:
    function = getattr(dartsl, name)
    signature = inspect.signature(function)
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())
    assert signature.return_annotation is not inspect.Signature.empty
    assert function.__doc__
    assert "aises" in function.__doc__ or name in ("methods", "shipped_specs")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_types_are_found_when_they_are_asked_for(name: str) -> None:
    """`typing.get_type_hints` is what notebooks, command-line makers and validators read."""
    thing = getattr(dartsl, name)
    parts = vars(thing).values() if inspect.isclass(thing) else [thing]
    functions = [part.fget if isinstance(part, property) else part for part in parts]
    public = [each for each in functions if inspect.isfunction(each) and not each.__name__.startswith("_")]
    assert public
    for function in public:
        hints = get_type_hints(function)
        assert {*inspect.signature(function).parameters, "return"} - {"self"} == set(hints)


def test_types_of_the_api_are_those_of_what_it_gives() -> None:
    assert get_type_hints(dartsl.compile)["return"] is type(dartsl.compile("digits", parameters={"C": 2}))
    assert get_type_hints(dartsl.search)["settings"] == Unpack[SearchSettings]
    with pytest.raises(AttributeError, match="no attribute 'Supernets'"):
        types.Supernets  # noqa: B018
    assert all(hasattr(types, name) for name in dir(types))


def test_the_help_of_a_function_is_its_own() -> None:
    text = pydoc.plain(pydoc.render_doc(dartsl.search))
    assert "search(spec: 'SpecLike', out: 'str | Path | None' = None, *," in text
    assert "Search a spec's network" in text
    assert list(inspect.signature(dartsl.search).parameters)[:3] == ["spec", "out", "network"]


@pytest.mark.parametrize(("typed", "config"), [(SearchSettings, SearchConfig), (TrainSettings, TrainConfig)])
def test_settings_are_keywords_with_types(typed: type, config: type[Any]) -> None:
    """A new field of a configuration needs its line in dartsl/api/settings.py."""
    hints = get_type_hints(typed)
    named = [
        field for field in fields(config) if field.name not in ("data", "loss")
    ]  # which may be a data set or a function, too
    assert list(hints) == [field.name for field in named]
    for field in named:
        assert _accepts(hints[field.name], field), field.name


def _accepts(hint: Any, field: Field[Any]) -> bool:
    if (values := field.metadata["values"]) is not None and not field.metadata["suffix"]:
        return get_origin(hint) is Literal and {str(value) for value in get_args(hint)} == set(values)
    if isinstance(field.default, Schedule):
        return hint == float | str
    if isinstance(field.default, Stages):
        return hint == str | Sequence[str | Mapping[str, float]]
    if field.metadata["words"]:
        return hint == str | tuple[str, ...] | list[str]
    if not isinstance(field.default, tuple):
        return hint is type(field.default)
    item = float if field.metadata["names"] is None else str
    return hint == tuple[item, ...] | list[item]  # type: ignore[valid-type]


def test_what_a_user_writes_is_typed() -> None:
    mypy = pytest.importorskip("mypy.api")
    said, faults, code = mypy.run(
        [str(ROOT / "tests" / "python" / "user.py"), "--config-file", str(ROOT / "pyproject.toml")]
    )
    assert (code, faults) == (0, ""), said


def test_functions_without_tensors_import_no_torch() -> None:
    code = """if True:
        import sys
        import dartsl
        assert "lark" not in sys.modules
        from dartsl.api import types
        spec = dartsl.check("digits")
        dartsl.info(spec, memory="none"), dartsl.fmt(spec), dartsl.draw(spec), dartsl.diff(spec, "nasbench201")
        dartsl.shipped_specs(), dartsl.emit(spec, "graph"), dartsl.parse(spec)
        assert "torch" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
