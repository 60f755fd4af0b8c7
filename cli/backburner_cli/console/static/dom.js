// Elements from plain values. Text always becomes a text node: nothing that users have made is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element; `on` holds listeners, everything else becomes an attribute. */
export function el(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same of SVG. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Tell people who do not see the page what has happened. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Set text only where it differs, so that selections and readers are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A state, as a word with a mark: colour alone tells nobody anything. */
export function badge(state) {
  return el("span", { class: `badge ${state}` }, STATES[state]?.name ?? state);
}

/** The states in a document's order of life. */
export const STATES = {
  unclaimed: { name: "not started yet", plural: "Not started yet" },
  waiting: { name: "waiting", plural: "Waiting" },
  running: { name: "running", plural: "Running" },
  done: { name: "done", plural: "Done" },
  failed: { name: "failed", plural: "Failed" },
  superseded: { name: "superseded", plural: "Superseded" },
};
