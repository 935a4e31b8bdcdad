// The client of the VS Code extension, with stand-ins for VS Code and the language client. EXTENSION names the source.

const assert = require("node:assert/strict");
const { Module } = require("node:module");
const { beforeEach, test } = require("node:test");

const commands = {};
const subscription = () => ({ dispose() {} });
let path = "dartsl";
let said;
let run; // what VS Code was asked to do
let clients;

class LanguageClient {
  constructor(id, name, server, options) {
    Object.assign(this, { server, options, running: false, asked: [] });
    clients.push(this);
  }
  async start() {
    if (this.server.command === "missing") throw new Error("no such file");
    this.running = true;
  }
  async stop() {
    this.running = false;
  }
  isRunning() {
    return this.running;
  }
  async sendRequest(method, request) {
    this.asked.push(request.arguments);
    return "<svg>A</svg>";
  }
}

const panel = { webview: {}, onDidDispose() {}, reveal() {} };
const vscode = {
  ViewColumn: { Beside: -2 },
  Uri: { parse: (text) => text },
  commands: {
    registerCommand: (name, handler) => ((commands[name] = handler), subscription()),
    executeCommand: async (...words) => run.push(words),
  },
  window: {
    createWebviewPanel: () => panel,
    onDidChangeTextEditorSelection: subscription,
    onDidChangeActiveTextEditor: subscription,
    showErrorMessage: (text) => new Promise((chosen) => (said = { text, chosen })), // it stands there
  },
  workspace: {
    workspaceFolders: [{ uri: { fsPath: "/folder" } }],
    getConfiguration: () => ({ get: () => path }),
    onDidChangeConfiguration: subscription,
    onDidChangeTextDocument: subscription,
  },
};
const modules = { vscode, "vscode-languageclient/node": { LanguageClient } };
const load = Module._load;
Module._load = (name, ...rest) => modules[name] ?? load(name, ...rest);
const { activate, deactivate } = require(process.env.EXTENSION);

beforeEach(async () => {
  await deactivate();
  path = "dartsl";
  said = undefined;
  run = [];
  clients = [];
});

test("a server that does not start is said, and a restart does not wait until that is read", async () => {
  path = "missing";
  await activate({ subscriptions: [] });
  assert.match(said.text, /no such file.*pip install/);
  path = "${workspaceFolder}/bin/dartsl";
  await commands["dartsl.restart"]();
  assert.deepEqual(clients[1].server, { command: "/folder/bin/dartsl", args: ["lsp"] });
  assert.equal(clients[1].running, true);
  said.chosen("Open Settings");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(run, [["workbench.action.openSettings", "dartsl.path"]]);
});

test("the lens of a cell shows its picture, and that it has none", async () => {
  await activate({ subscriptions: [] });
  const [client] = clients;
  assert.deepEqual(
    client.options.documentSelector.map((each) => each.scheme),
    ["file", "untitled"],
  );
  const { executeCommand } = client.options.middleware;
  await executeCommand("dartsl.draw", ["file:///some.darts", "a"], async () => "<svg>A</svg>");
  assert.match(panel.webview.html, /<svg>A/);
  client.sendRequest = async () => null;
  await executeCommand("dartsl.draw", ["file:///some.darts", "b"], async () => null);
  assert.match(panel.webview.html, /cannot be drawn/);
  assert.equal(await executeCommand("other", [], async () => 3), 3);
});

test("a restart stops the server that runs, and starts another", async () => {
  await activate({ subscriptions: [] });
  await commands["dartsl.restart"]();
  assert.deepEqual(
    clients.map((each) => each.running),
    [false, true],
  );
  await deactivate();
  assert.equal(clients[1].running, false);
});
