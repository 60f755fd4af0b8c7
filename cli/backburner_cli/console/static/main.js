// The page's frame: which view is shown, and fresh figures for it every two seconds while the page is visible.

import { read } from "./api.js";
import { el, say, setText } from "./dom.js";
import { count, documents } from "./format.js";
import { compareView } from "./compare.js";
import { documentView } from "./document.js";
import { failuresView } from "./failures.js";
import { listView } from "./list.js";
import { overviewView } from "./overview.js";
import { recipesView } from "./recipes.js";
import { dropAnywhere, uploadView } from "./upload.js";

const POLL_MS = 2000;
const VIEWS = { "": overviewView, documents: listView, document: documentView, compare: compareView, failures: failuresView, recipes: recipesView, upload: uploadView };
const PAGES = { "": "overview", documents: "documents", document: "documents", compare: "documents", failures: "failures", recipes: "recipes", upload: "upload" };
const main = document.getElementById("main");
let view = null;
let latest = null;
let timer = 0;
let lastAction = 0;

function where() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: path in VIEWS ? path : "", parameters: new URLSearchParams(query ?? "") };
}

function show() {
  if (location.hash && !location.hash.startsWith("#/")) return; // the skip link
  const { name, parameters } = where();
  view?.close?.();
  const shown = el("div", { class: "view" });
  view = VIEWS[name](shown, parameters);
  main.replaceChildren(shown);
  document.title = `${view.title} – Backburner`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === PAGES[name]) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (latest) view.update?.(latest);
  poll();
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return;
  const asking = view;
  try {
    latest = await read("/api/overview", { span: asking?.span?.() });
    frame(latest);
    if (asking === view) view.update?.(latest);
  } catch (error) {
    trouble(error.message);
  }
  clearTimeout(timer);
  timer = setTimeout(poll, POLL_MS);
}

function frame(told) {
  trouble(told.problem ? `The bucket does not answer; what is shown may be old. ${told.problem}` : "");
  setText(document.getElementById("deployment"), told.deployment);
  const failed = told.states.failed ?? 0;
  const badge = document.getElementById("failed-count");
  badge.hidden = failed === 0;
  setText(badge, count(failed));
  const state = told.is_ready ? documents(told.documents) : `Reading the bucket: ${count(told.reads)} objects so far`;
  setText(document.getElementById("index-state"), state);
  activity(told.actions);
}

function activity(actions) {
  const section = document.getElementById("activity");
  const shown = actions.filter((action) => !action.is_over || action.number >= lastAction).slice(-3);
  const over = actions.filter((action) => action.is_over && action.number > lastAction);
  for (const action of over) say(`${action.what}: ${outcomes(action)}`);
  lastAction = Math.max(lastAction, ...over.map((action) => action.number), 0);
  section.hidden = shown.length === 0;
  section.replaceChildren(
    ...shown.map((action) =>
      el(
        "p",
        {},
        el("progress", { value: action.done, max: Math.max(1, action.total), "aria-label": action.what }),
        ` ${action.what}: ${count(action.done)} of ${count(action.total)}. ${outcomes(action)}`,
        action.problem ? ` ${action.problem}` : "",
      ),
    ),
  );
}

const outcomes = (action) =>
  Object.entries(action.outcomes)
    .map(([what, number]) => `${count(number)} ${what}`)
    .join(", ");

let shownTrouble = "";

function trouble(text) {
  const place = document.getElementById("problem");
  if (text === shownTrouble) return;
  shownTrouble = text;
  place.hidden = !text;
  place.textContent = text;
}

// The key has become a cookie: it need not be in the address or in the history.
if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", `/${location.hash}`);
addEventListener("hashchange", () => {
  show();
  if (location.hash.startsWith("#/")) main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
document.addEventListener("visibilitychange", poll);
document.addEventListener("changed", poll);
document.addEventListener("trouble", (event) => {
  trouble(event.detail);
  say(event.detail);
});
dropAnywhere();
show();
