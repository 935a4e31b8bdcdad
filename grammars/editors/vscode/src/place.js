// Which cell a place in a spec belongs to, by the text alone, so that it is known in a spec with faults too.

const DECLARATION = /^[ \t]*(import|extern|ops?|cell|network|search|train)\b(?:[ \t]+([A-Za-z_]\w*))?/gm;

// The names of the cells that a text declares, in order.
function cells(text) {
  return [...text.matchAll(DECLARATION)].filter((found) => found[1] === "cell" && found[2]).map((found) => found[2]);
}

// The cell at an offset: the one that is named there, else the one whose declaration the offset lies in, else null.
function cellAt(text, offset) {
  const before = text.slice(0, offset).match(/\w*$/)[0];
  const word = before + text.slice(offset).match(/^\w*/)[0];
  if (cells(text).includes(word)) return word;
  const lineEnd = text.slice(offset).search(/[\r\n]|$/) + offset;
  const last = [...text.slice(0, lineEnd).matchAll(DECLARATION)].at(-1);
  return last?.[1] === "cell" ? (last[2] ?? null) : null;
}

module.exports = { cells, cellAt };
