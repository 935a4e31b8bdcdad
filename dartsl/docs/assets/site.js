"use strict";
// The list of pages and headings (INDEX) by the words in the box: all of them must be there, best in a title.
const box = document.getElementById("search-box");
const list = document.getElementById("search-found");
const MOST = 12;

function score([title, , page, text], words) {
  let sum = 0;
  for (const word of words) {
    const name = title.toLowerCase();
    if (name === word) sum += 30;
    else if (name.startsWith(word)) sum += 12;
    else if (name.includes(word)) sum += 8;
    else if (page.toLowerCase().includes(word)) sum += 3;
    else if (text.toLowerCase().includes(word)) sum += 1;
    else return 0;
  }
  return sum + (page === "" ? 1 : 0);
}

function shown([title, url, page, text]) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `${document.body.dataset.root}/${url}`;
  for (const [tag, words] of [["b", title], ["span", page], ["small", text]]) {
    if (words === "") continue;
    const part = document.createElement(tag);
    part.textContent = words;
    link.append(part);
  }
  item.append(link);
  return item;
}

function search() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? [] : INDEX.map((entry) => [score(entry, words), entry])
    .filter(([points]) => points > 0).sort((a, b) => b[0] - a[0]).slice(0, MOST);
  list.replaceChildren(...found.map(([, entry]) => shown(entry)));
  if (words.length > 0 && found.length === 0) list.append("Nothing found.");
  list.hidden = words.length === 0;
}

box.addEventListener("input", search);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter") list.querySelector("a")?.click();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) {
    event.preventDefault();
    box.focus();
  }
  if (event.key === "Escape") list.hidden = true;
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) list.hidden = true;
});

// The list of pages may be longer than the window: show the part with this page.
const pages = document.getElementById("page-list");
const here = pages.querySelector("[aria-current]");
if (here) pages.scrollTop = here.offsetTop - pages.offsetTop - pages.clientHeight / 2;
