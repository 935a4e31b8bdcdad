"""Fixes: every remedy that a report names in one way is offered, and mends."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.api import fix
from dartsl.lang.checker import diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.codes.suggestions import one_slip
from dartsl.lang.fixes import edited, fix_of
from dartsl.lang.syntax.loader import read_file

MISTAKES = Path(__file__).parents[1] / "mistakes"
SAID = ("did you mean `", 'add `import "', "is imported without `./`")


def says_what(path: Path) -> bool:
    report = path.with_suffix(".txt")
    return report.exists() and any(words in report.read_text(encoding="utf-8") for words in SAID)


def test_every_did_you_mean_and_missing_import_is_a_fix_that_mends() -> None:
    tried = 0
    for path in list(filter(says_what, sorted(MISTAKES.glob("*.darts"))))[::2]:  # for the time it takes
        source = read_file(path, path.name)
        for fault in diagnose(source).diagnostics:
            if not any(words in (fault.help or "") for words in SAID):
                continue
            found = fix_of(fault)
            assert found is not None, (path.name, fault.help)
            after = diagnose(Source(source.name, edited(source.text, found.edits), path))
            assert (fault.code, fault.title) not in {(f.code, f.title) for f in after.diagnostics}, path.name
            tried += 1
    assert tried > 15


CELL = """cell one {
  input  a, b : preprocess
  node   n : sum keep 2
  edge   all -> n : %s
  output n
}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "# é\ndarts 1  # mine\n" + CELL % "sep_conv(3) | none",
            '# é\ndarts 1  # mine\n\nimport "std/cnn"\n' + CELL % "sep_conv(3) | none",
            id="a missing import",
        ),
        pytest.param(
            'darts 2\nimport "std/blocks"  # for residual\n' + CELL % "residual(sep_conv(3)) | none",
            'darts 2\nimport "std/blocks"  # for residual\nimport "std/cnn"\n'
            + CELL % "residual(sep_conv(3)) | none",
            id="below the others",
        ),
        pytest.param(
            "darts 1 " + CELL % "darts",
            'darts 1\n\nimport "std/cnn"\n ' + CELL % "darts",
            id="before what stands on the line",
        ),
        pytest.param(
            'darts 1\nimport "./std/cnn"\n' + CELL % "Sep_Conv(3) | DARTS",
            'darts 1\nimport "std/cnn"\n' + CELL % "sep_conv(3) | darts",
            id="one mistake behind another, and names that differ in case",
        ),
        pytest.param(
            'darts 2\nimport "std/cnn"\n' + CELL % "ReLU | Sigmoid | swish" + "search { unrolled = True }\n",
            'darts 2\nimport "std/cnn"\n' + CELL % "relu | sigmoid | swish" + "search { unrolled = true }\n",
            id="words of other tools, of which one differs in case alone",
        ),
        pytest.param(
            'darts 1\nimport "std/cnn"\n' + CELL % "sep_cnov(3) | skp_connect | nonne | avg_poool_3x3",
            'darts 1\nimport "std/cnn"\n' + CELL % "sep_conv(3) | skip_connect | none | avg_pool_3x3",
            id="one slip of the keyboard",
        ),
        pytest.param(
            'darts 1\nimport "std/cnn"\n' + CELL % "spcnov(3) | sep_conv_3x4 | rel",
            'darts 1\nimport "std/cnn"\n' + CELL % "spcnov(3) | sep_conv_3x4 | relu",
            id="a guess is left to its author",
        ),
        pytest.param(
            'darts 1\nimport "std/cnn"\nop first = relu\nop fist = tanh\n' + CELL % "firt | firsts",
            'darts 1\nimport "std/cnn"\nop first = relu\nop fist = tanh\n' + CELL % "firt | first",
            id="and so is what is as near to another name",
        ),
        pytest.param(
            'darts 1\nimport "std/cnn"\n'
            + (CELL % "relu").replace("output n", "outptu n")
            + "search { epohcs = 3 }\n",
            'darts 1\nimport "std/cnn"\n' + (CELL % "relu") + "search { epochs = 3 }\n",
            id="words of the language, and settings",
        ),
        pytest.param(
            "darts 1\nop sep_conv(k) = conv(k)\n" + CELL % "dil_conv(3)",
            "darts 1\nop sep_conv(k) = conv(k)\n" + CELL % "dil_conv(3)",
            id="an import that brings a name that is taken",
        ),
    ],
)
def test_fix(before: str, after: str, tmp_path: Path) -> None:
    assert fix(Source("mine.darts", before, tmp_path / "mine.darts")) == after


@pytest.mark.parametrize(
    ("word", "name", "slip"),
    [
        ("skip_conect", "skip_connect", True),
        ("skip_connnect", "skip_connect", True),
        ("skip_connekt", "skip_connect", True),
        ("skip_conncet", "skip_connect", True),
        ("kip_connect", "skip_connect", True),
        ("skip_connectt", "skip_connect", True),
        ("skip_connect", "skip_connect", False),
        ("skip_conct", "skip_connect", False),
        ("skip_cnonecct", "skip_connect", False),
        ("conv_3x4", "conv_3x3", False),
        ("conv_3x", "conv_3x3", False),
        ("conv_x33", "conv_3x3", False),
        ("", "a", True),
        ("", "", False),
    ],
)
def test_one_slip(word: str, name: str, slip: bool) -> None:
    assert one_slip(word, name) is slip
    assert one_slip(name, word) is slip
