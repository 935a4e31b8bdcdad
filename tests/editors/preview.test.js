// The preview of the VS Code extension, with a stand-in for VS Code. `node --test` runs it; PREVIEW names the source.

const assert = require("node:assert/strict");
const { Module } = require("node:module");
const { beforeEach, mock, test } = require("node:test");

const TEXT = "darts 1\ncell a {\n}\ncell b {\n}\n";
const IN_A = 10;
const IN_B = 22;
const handlers = {};
const listen = (name) => (handler) => ((handlers[name] = handler), { dispose() {} });
let panel;

const vscode = {
  ViewColumn: { Beside: -2 },
  window: {
    createWebviewPanel() {
      panel = { webview: {}, revealed: 0, onDidDispose: (closed) => (panel.dispose = closed) };
      panel.reveal = () => panel.revealed++;
      return panel;
    },
    onDidChangeTextEditorSelection: listen("moved"),
    onDidChangeActiveTextEditor: listen("switched"),
    showInformationMessage: async (text) => (vscode.said = text),
  },
  workspace: { onDidChangeTextDocument: listen("typed") },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));
const { Preview } = require(process.env.PREVIEW);

function editor(offset, text = TEXT, languageId = "darts") {
  const document = { languageId, uri: "file:///some.darts", getText: () => text, offsetAt: (at) => at };
  return { document, selection: { active: offset } };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

let drawn; // what the server is asked for
let answers; // by cell; a cell that is not there has a fault
let preview;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  drawn = [];
  answers = { a: "<?xml?><svg>A</svg>", b: "<svg>B</svg>" };
  preview = new Preview(async (uri, cell) => (drawn.push(cell), answers[cell] ?? null));
});

test("shows the cell at the cursor, and follows it", async () => {
  vscode.window.activeTextEditor = editor(IN_A);
  await preview.openHere();
  assert.equal(panel.title, "a");
  assert.match(panel.webview.html, /<body><svg>A<\/svg><\/body>/);
  handlers.moved({ textEditor: editor(IN_A + 1) });
  handlers.moved({ textEditor: editor(IN_B) });
  handlers.moved({ textEditor: editor(0, TEXT, "markdown") });
  mock.timers.tick(150);
  await settled();
  assert.deepEqual(drawn, ["a", "b"]);
  assert.match(panel.webview.html, /<svg>B/);
});

test("draws once after a burst of typing; a fault leaves the last picture, paler", async () => {
  vscode.window.activeTextEditor = editor(IN_A);
  await preview.openHere();
  answers = {};
  for (let key = 0; key < 5; key++) handlers.typed({ document: { uri: "file:///some.darts" } });
  handlers.typed({ document: { uri: "file:///other.darts" } });
  mock.timers.tick(150);
  await settled();
  assert.deepEqual(drawn, ["a", "a"]);
  assert.match(panel.webview.html, /opacity: 0\.4[\s\S]*<svg>A/);
});

test("an answer that comes late is dropped", async () => {
  const waiting = {};
  preview.draw = (uri, cell) => new Promise((resolve) => (waiting[cell] = resolve));
  const first = preview.open("file:///some.darts", "a");
  const second = preview.open("file:///some.darts", "b");
  waiting.b("<svg>B</svg>");
  waiting.a("<svg>A</svg>");
  await Promise.all([first, second]);
  assert.equal(panel.revealed, 1);
  assert.match(panel.webview.html, /<svg>B/);
});

test("says so where there is no cell, and draws nothing once it is closed", async () => {
  vscode.window.activeTextEditor = editor(0, "darts 1\n");
  await preview.openHere();
  assert.match(vscode.said, /no cell/);
  vscode.window.activeTextEditor = editor(IN_A);
  await preview.openHere();
  panel.dispose();
  handlers.moved({ textEditor: editor(IN_B) });
  mock.timers.tick(1000);
  assert.deepEqual(drawn, ["a"]);
});
