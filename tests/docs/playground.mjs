// Answers the playground's questions in Node.js: node playground.mjs NODE_MODULES ARCHIVE QUESTIONS ANSWERS, both JSON
// arrays; an answer has the DOT text that was drawn as `dot`.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, archive, questions, answers] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${modules}/${path}`).href);
const { loadPyodide } = await load("pyodide/pyodide.mjs");
const viz = await (await load("@viz-js/viz/dist/viz.js")).instance();
const python = await loadPyodide({ indexURL: `${modules}/pyodide` });
python.unpackArchive(new Uint8Array(readFileSync(archive)), "zip", { extractDir: "/dartsl" });
python.runPython("import sys; sys.path.insert(0, '/dartsl')");
const answer = python.pyimport("dartsl.docs.live").answer;
const found = JSON.parse(readFileSync(questions, "utf8")).map((question) => {
  let drawn = null;
  const layout = (dot) => viz.renderString(drawn = dot, { format: "svg" });
  return { ...JSON.parse(answer(JSON.stringify(question), layout)), dot: drawn };
});
writeFileSync(answers, JSON.stringify(found));
