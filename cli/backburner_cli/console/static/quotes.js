// The quotes of a result, and the source's text with each of them marked.

import { el } from "./dom.js";

/** What the section holds; nothing where the recipe asks for no quotes. */
export function quotesView(told) {
  if (!told.checked) return [];
  const more = told.checked > told.quotes.length ? ` The first ${told.quotes.length} are listed.` : "";
  const count = told.checked === 1 ? "One quote stands" : `All ${told.checked} quotes stand`;
  return [
    el("h2", { id: "quotes-title" }, "Quotes"),
    el("p", { class: "quiet" }, `${count} in the source, word for word.${more}`),
    el("ol", { class: "quotes" }, ...told.quotes.map((quote, number) => item(quote, number, told.pieces.length > 0))),
    told.problem ? el("p", { class: "warning" }, `They cannot be shown in it: ${told.problem}.`) : null,
    told.pieces.length ? source(told.pieces) : null,
  ].filter(Boolean);
}

function item(quote, number, isShown) {
  const where = isShown
    ? el("button", { type: "button", class: "link", on: { click: () => goTo(number) } }, quote.where)
    : el("span", { class: "quiet" }, quote.where);
  return el("li", {}, el("code", {}, quote.pointer || "/"), " ", el("q", {}, quote.text), " ", where);
}

function source(pieces) {
  const begun = new Set();
  return el(
    "pre",
    { tabindex: 0, role: "region", "aria-label": "Text of the source with the quotes marked" },
    ...pieces.map(([text, numbers]) => {
      if (!numbers.length) return text;
      const first = numbers.filter((number) => !begun.has(number));
      for (const number of first) begun.add(number);
      const label = `Quote ${numbers.map((number) => number + 1).join(", ")}`;
      return el("mark", { "data-begins": first.map((number) => `(${number})`).join(""), tabindex: -1, title: label }, text);
    }),
  );
}

function goTo(number) {
  const mark = document.querySelector(`mark[data-begins*="(${number})"]`);
  if (!mark) return;
  mark.scrollIntoView({ block: "center" });
  mark.focus();
}
