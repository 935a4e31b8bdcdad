// The client of `dartsl lsp`: it starts the server, and shows the diagram of the cell at the cursor beside the text.

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { Preview } = require("./preview");

const DRAW = "dartsl.draw"; // the server's: [uri, cell] -> the SVG, or null where the cell cannot be drawn

let client;
let preview;

function newClient() {
  const command = vscode.workspace.getConfiguration("dartsl").get("path");
  const middleware = {
    // The lens on a cell has the server's own command: what it answers is shown.
    executeCommand: async (name, given, next) => {
      const answer = await next(name, given);
      if (name === DRAW && answer) await preview.open(vscode.Uri.parse(given[0]), given[1]);
      return answer;
    },
  };
  return new LanguageClient(
    "dartsl",
    "DARTS",
    { command, args: ["lsp"] },
    { documentSelector: [{ language: "darts" }], middleware },
  );
}

async function start() {
  client = newClient();
  try {
    await client.start();
  } catch (error) {
    const open = "Open Settings";
    const message = `The language server did not start (${error.message}). \`pip install 'dartsl[lsp]'\` installs it.`;
    const chosen = await vscode.window.showErrorMessage(message, open);
    if (chosen) await vscode.commands.executeCommand("workbench.action.openSettings", "dartsl.path");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running?.isRunning()) await running.stop();
}

async function restart() {
  await stop();
  await start();
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
  return start();
}

module.exports = { activate, deactivate: stop };
