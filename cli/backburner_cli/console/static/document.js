// One document: its story, its source beside its result.

import { read } from "./api.js";
import { cancel, replay } from "./confirm.js";
import { badge, el } from "./dom.js";
import { bytes, timeOf } from "./format.js";
import { quotesView } from "./quotes.js";

export function documentView(place, parameters) {
  return new DocumentPage(place, parameters.get("key") ?? "");
}

class DocumentPage {
  version = -1;
  source = "";
  result = "";

  constructor(place, key) {
    this.key = key;
    this.title = key.split("/").pop() || "Document";
    this.state = el("span", {});
    this.buttons = el("div", { class: "buttons" });
    this.failure = el("section", { class: "card failure", "aria-label": "Why it failed", hidden: true });
    this.story = el("section", { class: "card", "aria-labelledby": "story-title" });
    this.quotes = el("section", { class: "card quoted", "aria-labelledby": "quotes-title", hidden: true });
    this.panes = {
      source: el("section", { class: "card pane", "aria-labelledby": "source-title" }, el("h2", { id: "source-title" }, "Source")),
      result: el("section", { class: "card pane", "aria-labelledby": "result-title" }, el("h2", { id: "result-title" }, "Result")),
    };
    place.classList.add("document");
    place.append(
      el("p", {}, el("a", { href: "#/documents" }, "All documents")),
      el("div", { class: "headline" }, el("h1", { class: "key" }, key), this.state, this.buttons),
      this.failure,
      el("div", { class: "panes" }, this.panes.source, this.panes.result),
      this.quotes,
      this.story,
    );
    this.load();
  }

  update(told) {
    if (told.version !== this.version) this.load();
    this.version = told.version;
  }

  async load() {
    try {
      const story = await read("/api/story", { key: this.key });
      this.tell(story);
      await this.show("source", this.key);
      await this.show("result", story.result_key, story);
      await this.showQuotes(story.details.quotes && `${story.details.quotes} ${this.source} ${this.result}`);
    } catch (error) {
      this.story.replaceChildren(el("h2", { id: "story-title" }, "Story"), el("p", { class: "warning" }, error.message));
    }
  }

  tell(story) {
    const told = JSON.stringify(story);
    if (told === this.told) return;
    this.told = told;
    const state = story.row?.state ?? "unclaimed";
    this.state.replaceChildren(badge(state));
    const focused = document.activeElement?.id;
    this.buttons.replaceChildren(...this.actions(state));
    if (focused) document.getElementById(focused)?.focus();
    this.failure.hidden = !story.failure;
    this.failure.replaceChildren(...(story.failure ? failure(story.failure) : []));
    this.story.replaceChildren(
      el("h2", { id: "story-title" }, "Story"),
      el(
        "ol",
        { class: "timeline" },
        ...story.timeline.map((event) => {
          const at = Date.parse(event.at) / 1000;
          return el("li", {}, el("time", { datetime: event.at }, timeOf(at)), el("span", {}, event.what));
        }),
        story.standing ? el("li", { class: "now" }, el("span", { class: "time" }, "now"), el("span", {}, story.standing)) : null,
      ),
      el("dl", { class: "details" }, ...Object.entries(story.details).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    );
  }

  actions(state) {
    const one = { keys: [this.key] };
    const button = (id, text, act) => el("button", { type: "button", id, on: { click: act } }, text);
    if (state === "waiting" || state === "running") return [button("cancel-one", "Cancel…", () => cancel(one, 1))];
    if (state === "unclaimed") return [];
    const comparison = el("a", { class: "button", id: "compare-one", href: `#/compare?${new URLSearchParams({ key: this.key })}` }, "Compare…");
    return [comparison, button("replay-one", "Run again…", () => replay(one, 1, state === "done"))];
  }

  async showQuotes(told) {
    if (told === this.quoted) return;
    this.quoted = told;
    const parts = told ? quotesView(await read("/api/quotes", { key: this.key })) : [];
    this.quotes.hidden = !parts.length;
    this.quotes.replaceChildren(...parts);
  }

  async show(name, key, story = null) {
    const pane = this.panes[name];
    const title = pane.firstChild;
    if (!key) {
      this[name] = "";
      const partial = story?.failure?.partial_text;
      const words = story?.failure ? "There is no result: it failed." : "There is no result yet.";
      pane.replaceChildren(title, el("p", { class: "quiet" }, words), ...(partial ? [el("h3", {}, "What came before it failed"), text(partial, "Partial text")] : []));
      return;
    }
    try {
      const shown = await read("/api/shown", { key });
      if (this[name] === `${key} ${shown.etag}`) return;
      this[name] = `${key} ${shown.etag}`;
      pane.replaceChildren(title, ...content(shown, name));
    } catch (error) {
      this[name] = "";
      pane.replaceChildren(title, el("p", { class: "quiet" }, error.message));
    }
  }
}

function failure(told) {
  return [
    el("h2", {}, `Failed: ${told.reason}`),
    el("p", { class: "message" }, told.message),
    el("p", { class: "remedy" }, el("b", {}, "What to do: "), told.remedy),
  ];
}

function content(shown, name) {
  const at = new URLSearchParams({ key: shown.key });
  const parts = [
    el(
      "p",
      { class: "quiet about" },
      shown.size_bytes === undefined ? "" : `${bytes(shown.size_bytes)} `,
      el("a", { href: `/content/download?${at}`, download: true }, `Download ${name}`),
    ),
  ];
  if (shown.notes.length) parts.push(el("ul", { class: "warning" }, ...shown.notes.map((note) => el("li", {}, note))));
  if (shown.problem) parts.push(el("p", { class: "warning" }, shown.problem));
  else if (shown.kind === "picture") parts.push(el("img", { src: `/content/raw?${at}`, alt: `The document ${shown.key}` }));
  else if (shown.kind === "pdf") parts.push(el("iframe", { src: `/content/raw?${at}`, title: `The document ${shown.key}`, referrerpolicy: "no-referrer" }));
  else parts.push(text(shown.text, name === "source" ? "Text of the source" : "Text of the result"));
  if (shown.is_cut) parts.push(el("p", { class: "quiet" }, "It is longer than what is shown: download it to see all of it."));
  return parts;
}

function text(value, label) {
  return el("pre", { tabindex: 0, role: "region", "aria-label": label }, value);
}
