"use strict";
// The playground, and the worker in which Python runs: this file is both. The page asks one question at a time, the
// latest that there is; dartsl/docs/live.py says what the questions are.
const PAUSE = 250; // ms without a key before a text is checked
const LONGEST = 60_000; // ms that an answer may take

function page() {
  const [text, example, format, cell, state, report, drawing, size] =
    ["text", "example", "format", "cell", "state", "report", "drawing", "size"]
      .map((name) => document.getElementById(`play-${name}`));
  let worker = null, busy = false, next = null, asked = null, typing = 0, limit = 0;

  function say(words, fault = false) {
    state.textContent = words;
    state.classList.toggle("fault", fault);
  }

  function start() {
    busy = true;
    say("Loading Python ...");
    worker = new Worker("playground.js", { type: "module" });
    worker.onmessage = ({ data }) => received(data);
    worker.onerror = () => stop("Python could not be started here.");
    const { base, files, archive } = JSON.parse(document.getElementById("playground").dataset.runtime);
    const at = (path) => new URL(path, document.baseURI).href;
    worker.postMessage({
      base: at(base), archive: at(archive),
      digests: Object.fromEntries(Object.entries(files).map(([name, digest]) => [at(base + name), digest])),
    });
  }

  function stop(words) {
    worker?.terminate();
    worker = null;
    busy = false;
    clearTimeout(limit);
    say(`${words} A change of the text tries again.`, true);
  }

  function ask(what) {
    next = { cell: cell.value, ...what, text: text.value };
    if (worker === null) start();
    else if (!busy) send();
  }

  function send() {
    [asked, next, busy] = [next, null, true];
    say("Working ...");
    limit = setTimeout(() => stop("This takes too long."), LONGEST);
    worker.postMessage(asked);
  }

  function received(answer) {
    clearTimeout(limit);
    if (answer.broken) return stop(answer.broken);
    busy = false;
    say("");
    if (answer.fault) say(answer.fault, true);
    else if (asked) SHOW[asked.do](answer);
    if (next) send();
  }

  const SHOW = {
    check(answer) {
      report.textContent = answer.report;
      report.dataset.errors = answer.errors;
      drawing.classList.toggle("stale", answer.errors > 0);
      size.classList.toggle("stale", answer.errors > 0);
      if (answer.errors === 0) next ??= { ...asked, do: "describe" };
    },
    describe(answer) {
      size.textContent = answer.size;
      drawing.innerHTML = answer.figure; // live.py has escaped all words in it
      if (answer.remark) drawing.textContent = `No drawing: ${answer.remark}.`;
      const chosen = cell.value;
      cell.replaceChildren(new Option("all cells", ""), ...answer.cells.map((name) => new Option(name)));
      cell.value = answer.cells.includes(chosen) ? chosen : "";
    },
    format(answer) {
      if (text.value === asked.text) replace(answer.text);
    },
  };

  function replace(words) {
    text.value = words;
    ask({ do: "check" });
  }

  function choose(option) {
    option.selected = true;
    replace(option.dataset.text);
  }

  if (location.protocol === "file:") {
    return say("This page needs a server: run python -m http.server in its folder, and open http://localhost:8000/playground.html");
  }
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(ask, PAUSE, { do: "check" });
  });
  example.addEventListener("change", () => choose(example.selectedOptions[0]));
  format.addEventListener("click", () => ask({ do: "format" }));
  cell.addEventListener("change", () => ask({ do: "describe" }));
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.localName === "option") choose(named);
  else ask({ do: "check" });
}

function work() {
  let answer = null;

  function broken(fault) {
    console.error(fault);
    postMessage({ broken: answer ? "dartsl has failed on this text." : "Python could not be loaded: is there a network?" });
  }

  async function load({ base, archive, digests }) {
    const plain = fetch;
    self.fetch = (url, options) => {
      const found = plain(url, { ...options, integrity: digests[url] ?? "" });
      found.catch(broken); // for some of them Pyodide would wait for ever
      return found;
    };
    const named = (end) => Object.keys(digests).find((url) => url.endsWith(end));
    const module = async (end) => {
      const code = new Blob([await (await fetch(named(end))).text()], { type: "text/javascript" });
      return import(URL.createObjectURL(code));
    };
    const files = fetch(archive).then((found) => found.arrayBuffer());
    const graphviz = module("viz.js").then((viz) => viz.instance());
    const indexURL = named("pyodide.mjs").replace(/[^/]*$/, "");
    const { loadPyodide } = await module("pyodide.mjs");
    const createPyodideModule = (await module("pyodide.asm.mjs")).default;
    const python = await loadPyodide({ indexURL, createPyodideModule });
    python.unpackArchive(await files, "zip", { extractDir: "/dartsl" });
    python.runPython("import sys; sys.path.insert(0, '/dartsl')");
    const viz = await graphviz;
    const layout = (dot) => viz.renderString(dot, { format: "svg" });
    const ask = python.pyimport("dartsl.docs.live").answer;
    answer = (question) => JSON.parse(ask(JSON.stringify(question), layout));
  }

  self.onmessage = async ({ data }) => {
    try {
      if (answer) postMessage(answer(data));
      else {
        await load(data);
        postMessage({});
      }
    } catch (fault) {
      broken(fault);
    }
  };
}

if (typeof document === "undefined") work();
else page();
