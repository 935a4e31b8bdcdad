"""Tables of others: matched by what an architecture is, with ranks and distances; mistakes are located."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from dartsl.exchange.keys import key_of
from dartsl.lang.codes.source import Source

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CELL = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
GENOTYPE = (
    "Genotype(normal=[('{}', 0), ('sep_conv_3x3', 1)], normal_concat=[2], "
    "reduce=[('skip_connect', 0), ('max_pool_3x3', 1)], reduce_concat=[2])"
)


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def spec_of(text: str) -> Source:
    return Source("found.darts", dartsl.import_genotype(text))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 15,625 cells; the accuracy of number i is i, so that ranks are known."""
    cells = [CELL.format(*ops) for ops in product(OPS, repeat=6)]
    lines = [f"{number},{cell},{number},{-number}" for number, cell in enumerate(cells)]
    return written(tmp_path_factory.mktemp("table") / "nb.csv", "index,arch,valid,loss", *lines)


def test_every_cell_of_nasbench_201(whole: Path) -> None:
    ops = ("nor_conv_3x3", "none", "avg_pool_3x3", "skip_connect", "nor_conv_1x1", "avg_pool_3x3")
    number = sum(OPS.index(op) * 5**place for place, op in enumerate(reversed(ops)))
    drawn = [Source(f"{n}.darts", text) for n, text in enumerate(dartsl.sample("nasbench201", count=3))]
    asked = [spec_of(CELL.format(*ops)), *drawn]
    found, *others = dartsl.lookup(whole, *asked, columns=["valid", "loss"])
    valid, loss = found.figures
    assert (found.rows, found.architecture) == (1, CELL.format(*ops))
    assert (valid.value, valid.rank, valid.of) == (number, 15_625 - number, 15_625)
    assert (valid.best, valid.distance) == (15_624, 15_624 - number)
    assert (loss.rank, loss.best, loss.distance) == (number + 1, 0, number)
    assert len(others) == 3
    assert all(row.figures for row in others)


def test_lower_figures_may_be_better(tmp_path: Path) -> None:
    cells = [CELL.format(op, *OPS) for op in OPS]
    table = written(tmp_path / "t.csv", "arch,error", *(f"{cell},{n}" for n, cell in enumerate(cells)))
    (found,) = dartsl.lookup(table, spec_of(cells[1]), lower_is_better=True)
    assert (found.figures[0].rank, found.figures[0].best, found.figures[0].distance) == (2, 0, 1)


def test_specs_of_one_name_are_looked_up_each(tmp_path: Path) -> None:
    cells = [CELL.format(op, *OPS) for op in OPS]
    table = written(tmp_path / "t.csv", "arch,error", *(f"{cell},{n}" for n, cell in enumerate(cells)))
    rows = dartsl.lookup(table, *(spec_of(cell) for cell in cells))
    assert [row.figures[0].value for row in rows] == [0, 1, 2, 3, 4]


def test_spelling_does_not_count() -> None:
    same = ("|none~0|+|skip_connect~1|none~0|", "'|none~0|+|none~0|skip_connect~1|'")
    assert len({key_of(text, "table") for text in same}) == 1
    turned = GENOTYPE.format("skip_connect").replace(
        "('skip_connect', 0), ('sep_conv_3x3', 1)", "('sep_conv_3x3', 1), ('skip_connect', 0)"
    )
    assert key_of(turned, "a") == key_of(GENOTYPE.format("skip_connect"), "b")
    assert key_of(turned, "a") != key_of(GENOTYPE.format("sep_conv_5x5"), "b")


def test_isomorphic_cells_of_nasbench_201_have_one_key() -> None:
    cells = [CELL.format(*ops) for ops in product(("none", "skip_connect", "nor_conv_3x3"), repeat=6)]
    exact = {key_of(cell, "table") for cell in cells}
    # Nodes 1 and 2 may change places where no edge is between them: of 9 * 9 pairs of what is around them 45 differ.
    assert (len(exact), len({key_of(cell, "table", True) for cell in cells})) == (729, 3 * 45 + 2 * 243)


def test_isomorphic_genotypes_have_one_key() -> None:
    nodes = ["('sep_conv_3x3', 0), ('skip_connect', 1)", "('max_pool_3x3', 0), ('max_pool_3x3', 1)"]
    last = "('dil_conv_3x3', {}), ('none', {})"
    reduce = "reduce=[('none', 0), ('none', 1)], reduce_concat=[2]"
    text = f"Genotype(normal=[{{}}, {{}}, {{}}], normal_concat=[2, 3, 4], {reduce})"
    first, swapped = text.format(*nodes, last.format(2, 0)), text.format(*nodes[::-1], last.format(3, 1))
    other = text.format(*nodes, last.format(3, 0))
    assert key_of(first, "a", True) == key_of(swapped, "b", True) != key_of(other, "c", True)
    assert key_of(first, "a") != key_of(swapped, "b")
    recurrent = "Genotype(recurrent=[('tanh', 0), ('{}', 0)], concat=range(1, 3))"
    assert key_of(recurrent.format("none"), "a", True) != key_of(recurrent.format("relu"), "b", True)


def test_rows_of_isomorphic_architectures_count_as_their_mean(tmp_path: Path) -> None:
    turned = CELL.format("nor_conv_3x3", "skip_connect", "none", "none", "avg_pool_3x3", "none")
    cell = CELL.format("skip_connect", "nor_conv_3x3", "none", "none", "none", "avg_pool_3x3")
    third = CELL.format("skip_connect", "nor_conv_3x3", "none", "none", "avg_pool_3x3", "none")
    lines = [f"{turned},90", f"{turned},92", f"{third},93", f"{CELL.format(*['none'] * 6)},10"]
    table = written(tmp_path / "t.csv", "arch,top-1", *lines)
    (found,) = dartsl.lookup(table, spec_of(cell))
    assert (found.rows, found.figures, found.matching) == (0, (), ())
    (found,) = dartsl.lookup(table, spec_of(cell), isomorphic=True)
    assert (found.rows, found.figures[0].value, found.matching) == (2, 91, (turned,))
    assert (found.figures[0].rank, found.figures[0].of) == (2, 3)
    (tmp_path / "a.darts").write_text(dartsl.import_genotype(cell))
    run = CliRunner().invoke(cli, ["lookup", str(table), str(tmp_path / "a.darts"), "--isomorphic"])
    assert run.stdout.splitlines()[1:] == [
        f"  isomorphic: {turned}",
        "  top-1  91  rank 2 of 3  best 93  distance 2",
    ]


def test_rows_of_one_architecture_count_as_their_mean(tmp_path: Path) -> None:
    rows = [(GENOTYPE.format("skip_connect"), 90), (GENOTYPE.format("dil_conv_3x3"), 92)]
    rows += [(GENOTYPE.format("skip_connect"), 94), (GENOTYPE.format("avg_pool_3x3"), 92)]
    lines = [f'"{cell}",{figure}' for cell, figure in rows]
    table = written(tmp_path / "t.csv", "genotype,accuracy", *lines)
    mean, other = dartsl.lookup(
        table,
        spec_of(GENOTYPE.format("skip_connect")),
        written_spec(tmp_path, GENOTYPE.format("dil_conv_3x3")),
    )
    assert (mean.rows, mean.figures[0].value) == (2, 92)
    assert [figure.rank for row in (mean, other) for figure in row.figures] == [1, 1]
    assert mean.figures[0].of == 3


def written_spec(folder: Path, text: str) -> Path:
    return written(folder / "other.darts", dartsl.import_genotype(text))


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["arch,a,b", "|none~0|+|none~0|none~1|,1,2"], {}, "several columns of numbers"),
        (["arch,a", "|none~0|+|none~0|none~1|,x"], {}, "no column of numbers"),
        (["a,b", "1,2"], {}, "no column of architectures"),
        (["arch,a", "|none~0|+|none~0|none~1|,1"], {"columns": "c"}, "no column `c`"),
        (
            ["arch,a", "|none~0|+|none~0|none~1|,1", "|none~0|+|none~0|none~1|,?"],
            {},
            "t.csv:3, column `a`: `?`",
        ),
        (
            ["arch,a", "|none~0|+|none~0|none~1|,1", "|none~0|+|none~9|none~1|,2"],
            {},
            "t.csv:3, column `arch`",
        ),
        (["arch,a", "|none~0|+|none~0|none~1|,1", "|none~0|"], {}, "t.csv:3: 1 fields, the header has 2"),
        (["arch,arch", "|none~0|+|none~0|none~1|,1"], {}, "no header of different columns"),
        (["arch,a"], {}, "holds no rows"),
        (["arch,a", '"|none~0|+|none~0|none~1|,1'], {}, "t.csv:2: "),
    ],
)
def test_mistakes_are_located(tmp_path: Path, lines: list[str], options: dict[str, str], said: str) -> None:
    table = written(tmp_path / "t.csv", *lines)
    with pytest.raises(dartsl.UserError) as fault:
        dartsl.lookup(table, spec_of("|none~0|+|none~0|none~1|"), **options)  # type: ignore[arg-type]
    assert said in fault.value.message


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cell = CELL.format(*OPS, "none")
    written(Path("t.csv"), "arch,top-1", f"{CELL.format(*OPS[1:], 'none', 'none')},1")
    written(Path("a.darts"), dartsl.import_genotype(cell))
    run = CliRunner().invoke(cli, ["lookup", "t.csv", "a.darts"])
    assert (run.exit_code, run.stdout) == (1, f"a.darts  {cell}\n  not in the table\n")
    undecided = CliRunner().invoke(cli, ["lookup", "t.csv", "nasbench201"])
    assert undecided.exit_code == 1
    assert "error" in undecided.stderr
