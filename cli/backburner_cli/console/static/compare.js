// Two runs side by side: of one document, or of two. What each came to, and how their texts differ.

import { read } from "./api.js";
import { badge, el, say } from "./dom.js";
import { count, duration, money, timeOf } from "./format.js";

const OFFERED = 20;
const WAIT_MS = 200;

export function compareView(place, parameters) {
  return new Comparison(place, parameters);
}

class Comparison {
  title = "Compare runs";
  runs = { old: [], new: [] };

  constructor(place, parameters) {
    this.key = parameters.get("key") ?? "";
    this.asked = { old: parameters.get("run") ?? "", new: parameters.get("with_run") ?? "" };
    this.choice = {
      old: el("select", { on: { change: () => this.compare() } }),
      new: el("select", { on: { change: () => this.compare() } }),
    };
    this.offered = el("datalist", { id: "other-documents" });
    this.other = el("input", {
      type: "search",
      value: parameters.get("with") ?? this.key,
      list: "other-documents",
      spellcheck: "false",
      on: { input: () => this.offer(), change: () => this.open() },
    });
    this.said = el("p", { class: "warning", role: "alert", hidden: true });
    this.outcome = el("div", {});
    place.classList.add("comparison");
    place.append(
      el("p", {}, el("a", { href: `#/document?${new URLSearchParams({ key: this.key })}` }, "Back to the document")),
      el("h1", {}, "Compare runs"),
      el("p", { class: "key" }, this.key),
      el(
        "div",
        { class: "filters" },
        el("label", {}, "Run", this.choice.old),
        el("label", { class: "grow" }, "Document to compare with", this.other, this.offered),
        el("label", {}, "Its run", this.choice.new),
      ),
      this.said,
      this.outcome,
    );
    this.open();
  }

  close() {
    clearTimeout(this.waiting);
  }

  /** Offer documents whose keys contain what was typed. */
  offer() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(async () => {
      try {
        const { rows } = await read("/api/jobs", { text: this.other.value, state: "done", limit: OFFERED });
        this.offered.replaceChildren(...rows.map((row) => el("option", { value: row.key })));
      } catch (error) {
        this.tell(error.message);
      }
    }, WAIT_MS);
  }

  tell(text) {
    this.said.hidden = !text;
    this.said.textContent = text;
  }

  async open() {
    this.tell("");
    const other = this.other.value || this.key;
    try {
      this.runs.old = (await read("/api/runs", { key: this.key })).runs;
      this.runs.new = other === this.key ? this.runs.old : (await read("/api/runs", { key: other })).runs;
    } catch (error) {
      this.outcome.replaceChildren();
      this.tell(error.message);
      return;
    }
    const isSame = other === this.key;
    // For one document, the run before beside the current one; for two, both current ones.
    this.fill("old", isSame && this.runs.old.length > 1 ? 1 : 0);
    this.fill("new", 0);
    await this.compare();
  }

  fill(side, first) {
    const { [side]: select } = this.choice;
    const runs = this.runs[side];
    select.replaceChildren(...runs.map((run) => el("option", { value: run.name }, title(run))));
    select.disabled = runs.length < 2;
    const wanted = runs.find((run) => run.name === this.asked[side]) ?? runs[first];
    if (wanted) select.value = wanted.name;
    this.asked[side] = "";
  }

  async compare() {
    this.tell("");
    const other = this.other.value || this.key;
    const [run, withRun] = [this.choice.old.value, this.choice.new.value];
    if (!run || !withRun) {
      this.outcome.replaceChildren(el("p", { class: "quiet" }, `${run ? other : this.key} has no run yet that is over.`));
      return;
    }
    if (other === this.key && run === withRun) {
      this.outcome.replaceChildren(el("p", { class: "quiet" }, "This document has one run so far: name another document, or run it again."));
      return;
    }
    const asked = { key: this.key, run, with: other, with_run: withRun };
    history.replaceState(null, "", `#/compare?${new URLSearchParams(asked)}`);
    try {
      const told = await read("/api/pair", asked);
      this.outcome.replaceChildren(...outcome(told));
      say(summary(told));
    } catch (error) {
      this.outcome.replaceChildren();
      this.tell(error.message);
    }
  }
}

const title = (run) => `${run.finished_at ? timeOf(run.finished_at) : "not over"}, ${run.state}, ${run.recipe}`;

function summary(told) {
  if (!told.pieces) return "There are not two texts to compare.";
  const words = (kind) => told.pieces.filter(([what]) => what === kind).reduce((sum, [, text]) => sum + text.split(/\s+/).filter(Boolean).length, 0);
  const [gone, fresh] = [words("gone"), words("new")];
  return gone || fresh ? `${count(gone)} words of the left text are gone, ${count(fresh)} of the right one are new.` : "Both texts are the same.";
}

function outcome(told) {
  const { old, new: other } = told;
  return [
    el("section", { class: "card", "aria-labelledby": "figures-title" }, el("h2", { id: "figures-title" }, "What each came to"), el("div", { class: "wide" }, figures(old, other))),
    el("p", { class: "summary" }, summary(told), told.is_cut ? " They are longer than what is compared here." : ""),
    el("div", { class: "panes" }, pane("left", old, told.pieces, "new"), pane("right", other, told.pieces, "gone")),
  ];
}

const COLUMNS = [
  ["State", (run) => badge(run.state)],
  ["Recipe", (run) => run.recipe],
  ["Model", (run) => run.model],
  ["Took", (run) => duration(took(run)), took],
  ["Tokens in", (run) => count(run.input_tokens), (run) => run.input_tokens],
  ["Tokens out", (run) => count(run.output_tokens), (run) => run.output_tokens],
  ["Cost", (run) => money(run.cost), (run) => run.cost],
];

function took(run) {
  return run.finished_at ? Math.max(0, run.finished_at - run.uploaded_at) : 0;
}

function figures(old, other) {
  const side = (name, run) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, `${name}: `, el("a", { href: `#/document?${new URLSearchParams({ key: run.key })}` }, run.key)),
      ...COLUMNS.map(([, shown, value]) => el("td", { class: value && "figure" }, shown(run))),
    );
  const changes = COLUMNS.map(([, , value]) => el("td", { class: "figure" }, value ? change(value(old), value(other)) : ""));
  return el(
    "table",
    { class: "sums" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Run"), ...COLUMNS.map(([name, , value]) => el("th", { scope: "col", class: value && "figure" }, name)))),
    el("tbody", {}, side("Left", old), side("Right", other), el("tr", {}, el("th", { scope: "row" }, "Change"), ...changes)),
  );
}

function change(before, after) {
  if (!before || after === null || after === undefined) return "–";
  const share = Math.round((after / before - 1) * 100);
  return share > 0 ? `+${share} %` : `${share} %`;
}

function pane(side, run, pieces, hidden) {
  const id = `${side}-title`;
  const head = [el("h2", { id }, side === "left" ? "Left" : "Right"), el("p", { class: "quiet about" }, title(run))];
  if (run.text === null) return el("section", { class: "card pane", "aria-labelledby": id }, ...head, el("p", { class: "quiet" }, run.missing));
  const shown = pieces ? pieces.filter(([what]) => what !== hidden) : [["same", run.text]];
  const tags = { same: "span", gone: "del", new: "ins" };
  const text = el("pre", { tabindex: 0, role: "region", "aria-label": `Text of the ${side} run` }, ...shown.map(([what, part]) => el(tags[what], {}, part)));
  return el("section", { class: "card pane", "aria-labelledby": id }, ...head, text);
}
