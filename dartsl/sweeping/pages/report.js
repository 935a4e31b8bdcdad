"use strict";
// The slider shows one of the pictures that stand in its figure; the button copies the command.
for (const figure of document.querySelectorAll("figure[data-epochs]")) {
  const input = figure.querySelector("input");
  const output = figure.querySelector("output");
  const diagrams = figure.querySelectorAll(".diagram");
  const epochs = figure.dataset.epochs.split(" ").map((each) => each.split(":"));
  const show = () => {
    const [epoch, picture] = epochs[Number(input.value)];
    diagrams.forEach((diagram, number) => { diagram.toggleAttribute("hidden", String(number) !== picture); });
    output.textContent = `after epoch ${epoch} of ${epochs[epochs.length - 1][0]}`;
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.closest(".slider").hidden = false;
  input.addEventListener("input", show);
  show();
}
for (const button of document.querySelectorAll("button[data-copies]")) {
  const said = button.nextElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      said.textContent = "Copied.";
    } catch {
      // a page that is opened as a file may not write to the clipboard: the text is selected instead
      getSelection().selectAllChildren(source);
      said.textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it by the keyboard.";
    }
  });
}
