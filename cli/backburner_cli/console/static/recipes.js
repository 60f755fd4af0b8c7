// Edit a recipe, try it on one document before anybody else is given it, and compare two recipes.

import { change, put, read } from "./api.js";
import { agreed } from "./confirm.js";
import { badge, el, say } from "./dom.js";
import { compact, count, documents, money } from "./format.js";

const OFFERED = 50;

export function recipesView(place, parameters) {
  return new Recipes(place, parameters.get("name") ?? "");
}

class Recipes {
  title = "Recipes";
  trial = null;

  constructor(place, name) {
    this.name = name;
    this.choice = el("select", { on: { change: () => this.open(this.choice.value) } });
    this.text = el("textarea", { rows: 16, spellcheck: "false", "aria-describedby": "recipe-said" });
    this.said = el("p", { id: "recipe-said", class: "warning", role: "alert", hidden: true });
    this.document = el("select", {});
    this.tryButton = el("button", { type: "button", class: "primary", on: { click: () => this.tryIt() } }, "Try it…");
    this.saveButton = el("button", { type: "button", on: { click: () => this.save() } }, "Save…");
    this.outcome = el("section", { class: "card", "aria-labelledby": "trial-title", hidden: true });
    this.against = el("select", { on: { change: () => this.compare() } });
    this.comparison = el("div", {});
    place.append(
      el("h1", {}, "Recipes"),
      el("div", { class: "filters" }, el("label", {}, "Recipe", this.choice)),
      el(
        "section",
        { class: "card", "aria-label": "Edit the recipe" },
        el("label", { class: "stacked" }, "Instructions and settings", this.text),
        this.said,
        el("div", { class: "filters" }, el("label", { class: "grow" }, "Try it on", this.document), this.tryButton, this.saveButton),
        el("p", { class: "quiet" }, "A trial processes a copy of one document under the name of the recipe with “-trial”. Other documents are not concerned until you save."),
      ),
      this.outcome,
      el(
        "section",
        { class: "card", "aria-labelledby": "compare-title" },
        el("h2", { id: "compare-title" }, "Compare with another recipe"),
        el("div", { class: "filters" }, el("label", {}, "Recipe to compare", this.against)),
        this.comparison,
      ),
    );
    this.start();
  }

  async start() {
    try {
      const { recipes } = await read("/api/recipes");
      this.choice.replaceChildren(...recipes.map((name) => el("option", { value: name }, name)));
      this.against.replaceChildren(el("option", { value: "" }, "none"), ...recipes.map((name) => el("option", { value: name }, name)));
      const first = recipes.includes("summary") ? "summary" : recipes[0];
      await this.open(recipes.includes(this.name) ? this.name : first);
    } catch (error) {
      this.tell(error.message);
    }
  }

  async open(name) {
    this.tell("");
    try {
      this.recipe = await read("/api/recipe", { name });
      this.name = name;
      this.choice.value = name;
      this.text.value = this.recipe.text;
      await this.offer();
      history.replaceState(null, "", `#/recipes?${new URLSearchParams({ name })}`);
      await this.compare();
    } catch (error) {
      this.tell(error.message);
    }
  }

  async offer() {
    const name = this.name;
    const { rows } = await read("/api/jobs", { recipe: name, limit: OFFERED });
    if (name !== this.name) return; // another one was opened meanwhile
    this.document.replaceChildren(...rows.map((row) => el("option", { value: row.key }, row.key)));
    this.tryButton.disabled = rows.length === 0;
  }

  tell(text) {
    this.said.hidden = !text;
    this.said.textContent = text;
  }

  async save() {
    this.tell("");
    const title = `Save the recipe ${this.name}?`;
    const words = "Documents that are uploaded or run again from now on are processed by it. What is done stays as it is.";
    if (!(await agreed(title, words, "Save it"))) return;
    try {
      this.recipe = await put("/api/recipe", { name: this.name, text: this.text.value, etag: this.recipe.etag });
      say("Saved.");
    } catch (error) {
      this.tell(error.message);
    }
  }

  async tryIt() {
    this.tell("");
    const source = this.document.value;
    const title = "Try it on 1 document?";
    if (!(await agreed(title, `A copy of ${source} is processed. The provider bills it.`, "Try it on 1 document"))) return;
    try {
      const told = await change("/api/trial", { name: this.name, text: this.text.value, key: source });
      this.trial = { ...told, source, isOver: false };
      this.outcome.hidden = false;
      this.outcome.replaceChildren(el("h2", { id: "trial-title" }, "The trial"), el("p", {}, badge("unclaimed"), ` ${told.key}`));
      document.dispatchEvent(new CustomEvent("changed"));
    } catch (error) {
      this.tell(error.message);
    }
  }

  async update() {
    if (this.recipe && this.tryButton.disabled) await this.offer(); // the first document may just have come
    if (!this.trial || this.trial.isOver) return;
    const { key, source, uploaded_at: since } = this.trial;
    const { rows } = await read("/api/jobs", { key: [key, source] });
    const row = rows.find((each) => each.key === key);
    const before = rows.find((each) => each.key === source);
    if (!row || row.uploaded_at < since) return;
    const link = el("a", { href: `#/document?${new URLSearchParams({ key })}` }, key);
    const parts = [el("h2", { id: "trial-title" }, "The trial"), el("p", {}, badge(row.state), " ", link, row.reason ? `: ${row.reason}` : "")];
    if (row.state === "done") {
      this.trial.isOver = true;
      parts.push(...(await outcome(before, row)));
      say("The trial is done.");
    } else if (row.state === "failed") {
      this.trial.isOver = true;
      say(`The trial failed: ${row.reason}`);
    }
    this.outcome.replaceChildren(...parts);
  }

  async compare() {
    const other = this.against.value;
    if (!other || !this.name) return this.comparison.replaceChildren();
    try {
      const told = await read("/api/compare", { old: this.name, new: other });
      return this.comparison.replaceChildren(...comparison(told, this.name, other));
    } catch (error) {
      return this.tell(error.message);
    }
  }
}

/** Text and figures of a trial, beside what the document's own run came to. */
async function outcome(before, row) {
  const figures = (each) => `${compact(each.input_tokens + each.output_tokens)} tokens, cost ${money(each.cost)}`;
  const parts = [el("p", {}, `Trial: ${figures(row)}.`, before?.state === "done" ? ` Before: ${figures(before)}.` : "")];
  if (before?.state === "done" && before.result_key) {
    parts.push(await difference(before.result_key, row.result_key));
  } else {
    const shown = await read("/api/shown", { key: row.result_key });
    parts.push(el("pre", { tabindex: 0, role: "region", "aria-label": "Result of the trial" }, shown.text));
  }
  return parts;
}

/** Two texts in one: what is gone is struck through, what is new is underlined. */
async function difference(before, after) {
  try {
    const told = await read("/api/difference", { old: before, new: after });
    const tags = { same: "span", gone: "del", new: "ins" };
    return el(
      "div",
      {},
      el("pre", { class: "difference", tabindex: 0, role: "region", "aria-label": "Difference of the results" }, ...told.pieces.map(([what, text]) => el(tags[what], {}, text))),
      told.is_cut ? el("p", { class: "quiet" }, "The texts are longer than what is compared here.") : null,
    );
  } catch (error) {
    return el("p", { class: "warning" }, error.message);
  }
}

function comparison(told, old, other) {
  if (!told.documents) return [el("p", { class: "quiet" }, "No document was processed by both: give both the same files.")];
  const row = (name, sums) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "figure" }, count(sums.tokens)), el("td", { class: "figure" }, money(sums.cost)));
  const head = (...names) => el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name))));
  return [
    el("p", {}, `${documents(told.documents)} in both, ${count(told.both_done)} done by both. These came to:`),
    el("table", { class: "sums" }, head("Recipe", "Tokens", "Cost"), el("tbody", {}, row(old, told.old), row(other, told.new))),
    el("ul", { class: "pairs" }, ...told.pairs.map(pair)),
    told.pairs.length < told.documents ? el("p", { class: "quiet" }, `The first ${count(told.pairs.length)} are listed.`) : null,
  ].filter(Boolean);
}

function pair({ path, old, new: other }) {
  const isDone = old.state === "done" && other.state === "done";
  const figures = isDone ? ` ${count(old.input_tokens + old.output_tokens)} → ${count(other.input_tokens + other.output_tokens)} tokens` : "";
  const summary = el("summary", {}, path, " ", badge(old.state), " ", badge(other.state), figures);
  const details = el("details", {}, summary);
  details.addEventListener("toggle", async () => {
    if (!details.open || details.childElementCount > 1) return;
    details.append(isDone ? await difference(old.result_key, other.result_key) : el("p", { class: "quiet" }, "Not done by both: there is nothing to compare."));
  });
  return el("li", {}, details);
}
