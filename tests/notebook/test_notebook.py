"""A notebook, run by a kernel as Jupyter runs it: `%%darts`, a search in a cell, pictures, and a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "dartsl" / "notebook" / "README.md").read_text(encoding="utf-8")
SPEC = PAGE.split("```text\n")[1].split("```")[0]
TYPO = SPEC.replace("sep_conv_3x3", "sep_conv_3x4")
TINY = "out='run', data='digits', epochs=2, batch=700, parameters={'C': 2}, device='cpu'"

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of Jupyter's own parts
def test_a_notebook(tmp_path: Path) -> None:
    sources = [
        "import dartsl\n%load_ext dartsl",
        SPEC,
        f"found = dartsl.search(mine, {TINY})",
        "found",
        "found.found_spec",
        TYPO,
        "'mine' in globals()",
        "%%darts 3\ndarts 1",
        "%unload_ext dartsl",
        SPEC,
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    options = {"kernel_name": "python3", "allow_errors": True, "timeout": 120}
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, **options).execute()
    loaded, spec, search, run, decided, typo, bound, unnamed, unloaded, without = [
        cell.outputs for cell in notebook.cells
    ]
    assert loaded == []
    assert spec[0].text.splitlines()[0] == "mine: 0 errors, 0 warnings, 5 edges"
    bar, curves, report = [output.data for output in search]
    assert bar["text/plain"].startswith("epoch 2/2  loss ")
    assert '<progress value="2.0000" max="2"' in bar["text/html"]
    assert "<svg" in curves["text/html"]
    assert "cell normal" in report["text/plain"]
    for outputs, words in ((spec[1:], "max_pool_3x3"), (run, "0.3"), (decided, "output")):
        assert words in outputs[0].data["image/svg+xml"]
    assert "search of mine" in run[0].data["text/plain"]
    assert typo[0].ename == "CellError"
    assert "unknown operation `sep_conv_3x4`" in "\n".join(typo[0].traceback)
    assert "Traceback" not in "\n".join(typo[0].traceback)
    assert bound[0].data["text/plain"] == "False"
    assert "%%darts mine" in unnamed[0].text
    assert unloaded == []
    assert "%%darts` not found" in "\n".join(output.get("text", "") for output in without)
