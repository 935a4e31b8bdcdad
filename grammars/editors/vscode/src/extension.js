// The client of `dartsl lsp`: it starts the server, and shows the diagram of the cell at the cursor beside the text.

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { Preview } = require("./preview");

const SCHEMES = ["file", "untitled"]; // not `git`, whose old texts have no files beside them to import
const DRAW = "dartsl.draw"; // the server's: [uri, cell] -> the SVG, or null where the cell cannot be drawn

let client;
let preview;
let last = Promise.resolve(); // the start or stop that was asked for last: each waits for the one before

function inTurn(step) {
  last = last.then(step, step);
  return last;
}

function executable() {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  return vscode.workspace.getConfiguration("dartsl").get("path").replaceAll("${workspaceFolder}", folder);
}

function newClient() {
  const middleware = {
    // The lens on a cell has the server's own command: what it answers is shown.
    executeCommand: async (name, given, next) => {
      const answer = await next(name, given);
      if (name === DRAW) await preview.open(vscode.Uri.parse(given[0]), given[1]); // which says what cannot be drawn
      return answer;
    },
  };
  return new LanguageClient(
    "dartsl",
    "DARTS",
    { command: executable(), args: ["lsp"] },
    { documentSelector: SCHEMES.map((scheme) => ({ scheme, language: "darts" })), middleware },
  );
}

async function start() {
  client = newClient();
  try {
    await client.start();
  } catch (error) {
    const open = "Open Settings";
    const message = `The language server did not start (${error.message}). \`pip install 'dartsl[lsp]'\` installs it.`;
    // Not waited for: it stands until the reader closes it, and a restart must not wait for that.
    vscode.window.showErrorMessage(message, open).then((chosen) => {
      if (chosen) return vscode.commands.executeCommand("workbench.action.openSettings", "dartsl.path");
    });
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running?.isRunning()) await running.stop();
}

function restart() {
  return inTurn(async () => {
    await stop();
    await start();
  });
}

// The SVG of a cell as the editor has it now, null where there is none.
async function draw(uri, cell) {
  if (!client?.isRunning()) return null;
  return client.sendRequest("workspace/executeCommand", { command: DRAW, arguments: [uri.toString(), cell] });
}

function activate(context) {
  preview = new Preview(draw);
  context.subscriptions.push(
    preview,
    vscode.commands.registerCommand("dartsl.preview", () => preview.openHere()),
    vscode.commands.registerCommand("dartsl.restart", restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("dartsl.path")) return restart();
    }),
  );
  return inTurn(start);
}

module.exports = { activate, deactivate: () => inTurn(stop) };
