"""`dartsl lsp`."""

from __future__ import annotations

from importlib.util import find_spec

import click

from dartsl.lang.codes.diagnostics import UserError


@click.command("lsp")
@click.option("--stdio", is_flag=True, help="Talk over stdin and stdout, as it does in any case.")
def lsp_command(stdio: bool) -> None:
    """Serve an editor: diagnostics, fixes, completion, hovers, and more.

    An editor starts this by itself and talks to it by the Language Server Protocol. dartsl/lsp/README.md says how to
    tell VS Code, Neovim, Helix and Emacs. It needs pygls: `pip install "dartsl[lsp]"`.

    \b
    Examples:
      dartsl lsp
    """
    if not _has_pygls():
        raise UserError("the language server needs pygls 2", 'install it: pip install "dartsl[lsp]"')
    from dartsl.lsp.server import make_server

    make_server().start_io()


def _has_pygls() -> bool:
    """Whether pygls is installed, and not an older one, which has its server elsewhere."""
    try:
        return find_spec("pygls.lsp.server") is not None
    except ModuleNotFoundError:
        return False
