// The list of documents. Only the rows in sight exist, so a hundred thousand scroll like a hundred.

import { read } from "./api.js";
import { cancel, replay } from "./confirm.js";
import { badge, el, say, setText, STATES } from "./dom.js";
import { count, documents, minuteOf, money, timeOf } from "./format.js";

const ROW_PX = 38;
const STRETCH = 200;
const SORTS = { time: "Latest first", "time-up": "Oldest first", key: "By name", state: "By state", tokens: "Most tokens", cost: "Dearest" };
const COLUMNS = ["State", "Document", "Why", "Tokens", "Cost", "Since"];
const TYPING_MS = 120;

export function listView(place, parameters) {
  return new List(place, parameters);
}

class List {
  title = "Documents";
  total = 0;
  version = -1;
  active = 0;
  stretches = new Map();
  rows = new Map();

  constructor(place, parameters) {
    this.filter = {
      state: parameters.getAll("state"),
      reason: parameters.getAll("reason"),
      recipe: parameters.get("recipe") ?? "",
      prefix: parameters.get("prefix") ?? "",
      text: parameters.get("text") ?? "",
      order: parameters.get("order") ?? "time",
    };
    this.summary = el("p", { class: "summary", role: "status" });
    this.again = el("button", { type: "button", on: { click: () => this.runAgain() } }, "Run these again…");
    this.stop = el("button", { type: "button", on: { click: () => this.cancelThese() } }, "Cancel these…");
    this.space = el("div", { class: "space", role: "presentation" });
    this.scroller = el(
      "div",
      { class: "scroller", role: "rowgroup", tabindex: 0, "aria-label": "Documents", on: { scroll: () => this.scrolled(), keydown: (event) => this.key(event) } },
      this.space,
    );
    this.head = el(
      "div",
      { role: "rowgroup" },
      el("div", { class: "row head", role: "row", "aria-rowindex": 1 }, ...COLUMNS.map((name) => el("span", { role: "columnheader" }, name))),
    );
    this.table = el(
      "div",
      { class: "list", role: "table", "aria-label": "Documents", "aria-colcount": COLUMNS.length },
      this.head,
      this.scroller,
    );
    place.classList.add("full");
    place.append(
      el("h1", {}, "Documents"),
      this.filters(),
      el("div", { class: "headline" }, this.summary, el("div", { class: "buttons" }, this.again, this.stop)),
      this.table,
    );
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.scroller);
    this.reload();
  }

  close() {
    this.resized.disconnect();
    this.controller?.abort();
    clearTimeout(this.typing);
  }

  update(told) {
    this.reasons(told);
    if (told.version !== this.version) this.reload(true);
  }

  filters() {
    const typed = (name) => (event) => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.choose(name, event.target.value.trim()), TYPING_MS);
    };
    const chips = Object.entries(STATES).map(([state, { name }]) =>
      el(
        "button",
        { type: "button", class: `chip ${state}`, "aria-pressed": String(this.filter.state.includes(state)), on: { click: (event) => this.toggle(event.currentTarget, state) } },
        name,
      ),
    );
    this.recipe = el("select", { on: { change: (event) => this.choose("recipe", event.target.value) } });
    this.reason = el("select", { on: { change: (event) => this.choose("reason", event.target.value ? [event.target.value] : []) } });
    const order = el(
      "select",
      { on: { change: (event) => this.choose("order", event.target.value) } },
      ...Object.entries(SORTS).map(([value, name]) => el("option", { value, selected: value === this.filter.order }, name)),
    );
    const options = { type: "search", autocomplete: "off", spellcheck: "false" };
    return el(
      "div",
      { class: "filters", role: "search", "aria-label": "Filter documents" },
      el("label", { class: "grow" }, "Search", el("input", { ...options, value: this.filter.text, placeholder: "part of a name", on: { input: typed("text") } })),
      el("label", {}, "Begins with", el("input", { ...options, value: this.filter.prefix, placeholder: "inbox/summary/2024-", on: { input: typed("prefix") } })),
      el("label", {}, "Recipe", this.recipe),
      el("label", {}, "Reason", this.reason),
      el("label", {}, "Order", order),
      el("div", { class: "chips", role: "group", "aria-label": "States" }, ...chips),
    );
  }

  /** What can be chosen, as the bucket has it. */
  reasons(told) {
    options(this.recipe, told.recipes, this.filter.recipe);
    options(this.reason, Object.keys(told.reasons), this.filter.reason[0] ?? "");
  }

  toggle(chip, state) {
    const on = !this.filter.state.includes(state);
    chip.setAttribute("aria-pressed", String(on));
    this.choose("state", on ? [...this.filter.state, state] : this.filter.state.filter((each) => each !== state));
  }

  choose(name, value) {
    this.filter[name] = value;
    const query = new URLSearchParams();
    for (const [key, given] of Object.entries(this.filter)) for (const each of [given].flat()) if (each && !(key === "order" && each === "time")) query.append(key, each);
    history.replaceState(null, "", `#/documents${query.size ? `?${query}` : ""}`);
    this.active = 0;
    this.scroller.scrollTop = 0;
    this.reload();
  }

  /** Draw everything again; `isQuiet` if nothing but the bucket has changed. */
  reload(isQuiet = false) {
    this.controller?.abort();
    this.controller = new AbortController();
    this.stale = this.stretches;
    this.stretches = new Map();
    this.isQuiet = isQuiet;
    this.fetch(Math.floor(this.scroller.scrollTop / ROW_PX / STRETCH));
  }

  asked() {
    const { order, ...filter } = this.filter;
    const [sort, up] = order.split("-");
    return { ...filter, sort, reverse: String(!up && sort !== "key" && sort !== "state") };
  }

  async fetch(stretch) {
    if (this.stretches.has(stretch)) return;
    this.stretches.set(stretch, null);
    const { signal } = this.controller;
    try {
      const told = await read("/api/jobs", { ...this.asked(), offset: stretch * STRETCH, limit: STRETCH }, signal);
      if (signal.aborted) return;
      this.version = told.version;
      this.total = told.total;
      this.stretches.set(stretch, told.rows);
      this.tell(told);
      this.draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.stretches.delete(stretch);
      document.dispatchEvent(new CustomEvent("trouble", { detail: error.message }));
    }
  }

  tell(told) {
    const text = told.is_ready ? documents(told.total) : `${documents(told.total)} so far; still reading the bucket`;
    if (this.isQuiet) this.summary.setAttribute("aria-live", "off");
    else this.summary.removeAttribute("aria-live");
    setText(this.summary, text);
    this.again.disabled = this.stop.disabled = told.total === 0;
    this.table.setAttribute("aria-rowcount", told.total + 1);
  }

  row(at) {
    const stretch = Math.floor(at / STRETCH);
    return (this.stretches.get(stretch) ?? this.stale?.get(stretch))?.[at % STRETCH];
  }

  scrolled() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    this.head.style.paddingRight = `${this.scroller.offsetWidth - this.scroller.clientWidth}px`;
    this.space.style.height = `${this.total * ROW_PX}px`;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PX) - 8);
    const last = Math.min(this.total, first + Math.ceil(this.scroller.clientHeight / ROW_PX) + 16);
    for (let stretch = Math.floor(first / STRETCH); stretch * STRETCH < last; stretch += 1) this.fetch(stretch);
    for (const [at, line] of this.rows) {
      if (at >= first && at < last) continue;
      line.node.remove();
      this.rows.delete(at);
    }
    for (let at = first; at < last; at += 1) this.put(at);
  }

  put(at) {
    let line = this.rows.get(at);
    if (!line) {
      line = new Line(at);
      this.rows.set(at, line);
      this.space.append(line.node);
    }
    line.show(this.row(at), at === this.active);
  }

  key(event) {
    if (event.target === this.scroller) return; // it scrolls by itself
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_PX) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.total, End: this.total }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const from = Number(event.target.closest("[data-at]")?.dataset.at ?? this.active);
    this.active = Math.min(this.total - 1, Math.max(0, from + by));
    const top = this.active * ROW_PX;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    const below = top + ROW_PX - this.scroller.clientHeight;
    if (below > this.scroller.scrollTop) this.scroller.scrollTop = below;
    this.draw();
    this.rows.get(this.active)?.link.focus({ preventScroll: true });
  }

  selected() {
    const { state, reason, recipe, prefix, text } = this.filter;
    return { states: state, reasons: reason, recipe: recipe || null, prefix: prefix || null, text: text || null };
  }

  async count(states) {
    const told = await read("/api/jobs", { ...this.asked(), state: states, limit: 1 });
    return told.total;
  }

  async runAgain() {
    const chosen = this.filter.state.length ? this.filter.state : ["failed"];
    const states = chosen.filter((state) => ["done", "failed", "superseded"].includes(state));
    const number = states.length ? await this.count(states) : 0;
    if (!number) return say("None of these has ended; what has failed or is done can be run again.");
    return replay({ ...this.selected(), states }, number, states.includes("done"));
  }

  async cancelThese() {
    const chosen = this.filter.state.length ? this.filter.state : ["waiting", "running"];
    const states = chosen.filter((state) => ["waiting", "running"].includes(state));
    const number = states.length ? await this.count(states) : 0;
    if (!number) return say("None of these is waiting or running.");
    return cancel({ ...this.selected(), states }, number);
  }
}

/** One row; it stays at its place, and changes its text. */
class Line {
  constructor(at) {
    this.link = el("a", {});
    this.cells = COLUMNS.map((_, column) => el("span", { role: "cell", class: column === 3 || column === 4 ? "figure" : "" }));
    this.cells[1].append(this.link);
    this.node = el("div", { class: "row", role: "row", "aria-rowindex": at + 2, "data-at": at }, ...this.cells);
    this.node.style.transform = `translateY(${at * ROW_PX}px)`;
  }

  show(row, isActive) {
    this.link.tabIndex = isActive ? 0 : -1;
    if (row === this.shown) return;
    this.shown = row;
    if (!row) {
      setText(this.link, "…");
      return;
    }
    const [state, , why, tokens, cost, since] = this.cells;
    state.replaceChildren(badge(row.state));
    this.link.href = `#/document?${new URLSearchParams({ key: row.key })}`;
    this.link.title = row.key;
    setText(this.link, row.key.replace(/^inbox\//, ""));
    setText(why, row.reason ?? (row.waiting_for ? `for ${row.waiting_for}` : ""));
    setText(tokens, row.input_tokens + row.output_tokens ? count(row.input_tokens + row.output_tokens) : "");
    setText(cost, row.cost === null ? "" : money(row.cost));
    const at = row.finished_at ?? row.uploaded_at;
    setText(since, minuteOf(at));
    since.title = timeOf(at);
  }
}

function options(select, names, chosen) {
  const wanted = ["", ...new Set([...names, ...(chosen ? [chosen] : [])])];
  const has = [...select.options].map((option) => option.value);
  if (wanted.length !== has.length || wanted.some((name, at) => name !== has[at])) {
    select.replaceChildren(...wanted.map((name) => el("option", { value: name }, name || "any")));
  }
  if (document.activeElement !== select) select.value = chosen;
}
