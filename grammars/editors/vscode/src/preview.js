// A panel beside the text with the diagram of a cell, which follows the cursor and what is typed.

const vscode = require("vscode");
const { cells, cellAt } = require("./place");

const DELAY = 150; // milliseconds without a change, after which the cell is drawn

class Preview {
  // `draw(uri, cell)` gives an SVG, or null where the cell cannot be drawn.
  constructor(draw) {
    this.draw = draw;
    this.asked = 0; // how many pictures were asked for: an answer that is not to the last one is late
    this.listeners = [
      vscode.window.onDidChangeTextEditorSelection((event) => this.follow(event.textEditor)),
      vscode.window.onDidChangeActiveTextEditor((editor) => this.follow(editor)),
      vscode.workspace.onDidChangeTextDocument((event) => {
        if (event.document.uri.toString() === this.uri?.toString()) this.later();
      }),
    ];
  }

  // Show the cell at the cursor of the active editor.
  async openHere() {
    const editor = vscode.window.activeTextEditor;
    if (editor?.document.languageId !== "darts") return;
    const text = editor.document.getText();
    const cell = cellAt(text, editor.document.offsetAt(editor.selection.active)) ?? cells(text)[0];
    if (cell) await this.open(editor.document.uri, cell);
    else await vscode.window.showInformationMessage("There is no cell in this file.");
  }

  async open(uri, cell) {
    if (this.panel) {
      this.panel.reveal(undefined, true); // it may stand behind another tab; the text keeps the focus
    } else {
      const beside = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.panel = vscode.window.createWebviewPanel("dartsl.preview", "Diagram", beside, { enableScripts: false });
      this.panel.onDidDispose(() => {
        clearTimeout(this.timer);
        this.panel = this.svg = this.uri = this.cell = undefined;
      });
    }
    this.show(uri, cell);
    await this.update();
  }

  follow(editor) {
    if (!this.panel || editor?.document.languageId !== "darts") return;
    const { document, selection } = editor;
    const cell = cellAt(document.getText(), document.offsetAt(selection.active));
    const same = document.uri.toString() === this.uri?.toString() && cell === this.cell;
    if (!cell || same) return;
    this.show(document.uri, cell);
    this.later();
  }

  show(uri, cell) {
    if (cell !== this.cell || uri.toString() !== this.uri?.toString()) this.svg = undefined;
    this.uri = uri;
    this.cell = cell;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.update(), DELAY);
  }

  // Draw the cell. Where it has a fault, its last picture stays, paler.
  async update() {
    if (!this.panel) return;
    const number = ++this.asked;
    const svg = await this.draw(this.uri, this.cell).catch(() => null);
    if (!this.panel || number !== this.asked) return;
    this.svg = svg ?? this.svg;
    this.panel.title = this.cell;
    this.panel.webview.html = page(this.svg, svg !== null);
  }

  dispose() {
    clearTimeout(this.timer);
    this.panel?.dispose();
    for (const listener of this.listeners) listener.dispose();
  }
}

function page(svg, current) {
  const picture = svg ? svg.slice(svg.indexOf("<svg")) : "<p>This cell cannot be drawn: see the reported problems.</p>";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { padding: 1rem; }
svg { max-width: 100%; height: auto; background: white; border-radius: 4px; opacity: ${current ? 1 : 0.4}; }
</style>
</head>
<body>${picture}</body>
</html>`;
}

module.exports = { Preview, page };
