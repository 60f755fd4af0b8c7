// The run at a glance.

import { el, STATES, svg } from "./dom.js";
import { clockOf, compact, count, dayOf, decimal, duration, minuteOf, money } from "./format.js";

const SPANS = { hour: "1 hour", day: "24 hours", week: "7 days", all: "All" };
const MEASURES = { documents: "Documents", tokens: "Tokens", cost: "Cost" };
const WAITS = {
  provider: "the provider: busy, down, or refusing the key",
  capacity: "a free place: as many generations run as are allowed",
  rate: "the next minute: so many may start in one",
  budget: "the daily budget",
  turn: "its turn: others are ahead",
  contention: "its turn: others started at the same moment",
  retry: "another attempt",
};
const WIDTH = 960;
const HEIGHT = 180;
let chosen = { span: "hour", measure: "documents" };

export function overviewView(place) {
  const parts = {
    tiles: el("ul", { class: "tiles", "aria-label": "Documents by state" }),
    share: el("div", { class: "share", "aria-hidden": "true" }),
    chart: el("section", { class: "card chart", "aria-labelledby": "chart-title" }),
    figures: el("dl", { class: "figures" }),
    side: el("div", { class: "side" }),
    groups: el("section", { class: "card", "aria-labelledby": "groups-title" }),
  };
  const chart = new Chart(parts.chart);
  place.append(
    el("h1", {}, "The run at a glance"),
    parts.tiles,
    parts.share,
    parts.figures,
    el("div", { class: "split" }, el("div", {}, parts.chart, parts.groups), parts.side),
  );
  let drawn = "";
  return {
    title: "Overview",
    span: () => chosen.span,
    update(told) {
      const now = JSON.stringify([told, chosen]);
      if (now === drawn) return;
      drawn = now;
      tiles(parts, told);
      figures(parts.figures, told);
      chart.update(told);
      side(parts.side, told);
      groups(parts.groups, told.groups);
    },
  };
}

function tiles(parts, told) {
  const shown = Object.keys(STATES).filter((state) => state !== "superseded" || told.states[state]);
  const focused = document.activeElement?.dataset?.state;
  parts.tiles.replaceChildren(
    ...shown.map((state) =>
      el(
        "li",
        {},
        el(
          "a",
          { class: `tile ${state}`, href: `#/documents?state=${state}`, "data-state": state },
          el("span", { class: "number" }, count(told.states[state] ?? 0)),
          el("span", { class: "label" }, STATES[state].plural),
        ),
      ),
    ),
  );
  if (focused) parts.tiles.querySelector(`[data-state="${focused}"]`)?.focus();
  parts.share.replaceChildren(
    ...["done", "failed", "running", "waiting", "unclaimed"]
      .filter((state) => told.states[state])
      .map((state) => {
        const piece = el("span", { class: state });
        piece.style.flexGrow = told.states[state];
        return piece;
      }),
  );
}

function figures(place, told) {
  const lag = told.span.lag_s;
  const pairs = [
    ["Ended per minute", told.per_minute === null ? "–" : decimal(told.per_minute), "over the last five minutes"],
    ["Time left", told.left_s === null ? "–" : duration(told.left_s), "about, at this pace"],
    ["Lag", lag ? duration(lag.median) : "–", lag ? `1 in 20 over ${duration(lag.p95)}` : "from the provider's end to the result"],
    ["Oldest open", told.oldest_open_s === null ? "–" : duration(told.oldest_open_s), "since its upload"],
    ["Tokens", compact(told.input_tokens + told.output_tokens), `${compact(told.input_tokens)} in, ${compact(told.output_tokens)} out`],
    ["Cost", money(told.cost), told.cost === null ? "no recipe names a price" : "latest run of each document"],
  ];
  place.replaceChildren(
    ...pairs.map(([name, value, more]) => el("div", {}, el("dt", {}, name), el("dd", {}, value, el("small", {}, more)))),
  );
}

function side(place, told) {
  const cards = [];
  const waits = Object.entries(told.waiting_for);
  cards.push(
    el(
      "section",
      { class: "card", "aria-labelledby": "waits-title" },
      el("h2", { id: "waits-title" }, "What waits, and for what"),
      waits.length
        ? el("ul", { class: "plain" }, ...waits.map(([why, number]) => el("li", {}, el("b", {}, count(number)), ` for ${WAITS[why] ?? why}`)))
        : el("p", { class: "quiet" }, "Nothing waits."),
    ),
  );
  if (told.limits) cards.push(limits(told.limits));
  place.replaceChildren(...cards);
}

function limits(told) {
  const meters = [meter("Generations in flight", told.places_in_use, told.places, count)];
  meters.push(meter("Tokens today", told.tokens_today + told.tokens_reserved, told.daily_tokens, compact));
  meters.push(meter("Cost today", costToday(told), told.daily_cost, money));
  return el(
    "section",
    { class: "card", "aria-labelledby": "limits-title" },
    el("h2", { id: "limits-title" }, "Limits"),
    ...meters,
    ...told.pauses.map((pause) =>
      el(
        "p",
        { class: "warning" },
        `Paused: ${pause.concerns === "*" ? "the whole provider" : `the model ${pause.concerns}`}. ${pause.why}`,
      ),
    ),
    told.dead_letters
      ? el("p", { class: "warning" }, `${count(told.dead_letters)} messages were given up on: backburner dead-letters names them.`)
      : null,
  );
}

/** What today cost and what is reserved; null if tokens are counted, but no cost is known. */
function costToday(told) {
  const cost = (told.cost_today ?? 0) + told.cost_reserved;
  return cost === 0 && told.tokens_today + told.tokens_reserved > 0 ? null : cost;
}

function meter(name, value, most, format) {
  const used = value === null ? "unknown" : format(value);
  const text = most === null ? `${used}, no limit` : `${used} of ${format(most)}`;
  const bar = most === null || value === null ? null : el("meter", { min: 0, max: most || 1, high: most * 0.8, value, "aria-label": name });
  return el("div", { class: "limit" }, el("p", {}, el("span", {}, name), el("span", {}, text)), bar);
}

function groups(place, told) {
  const head = ["Recipe", "Model", "Done", "Failed", "Under way", "Tokens", "Cost"];
  place.replaceChildren(
    el("h2", { id: "groups-title" }, "By recipe and model"),
    el(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "Table of recipes and models" },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, ...head.map((name, at) => el("th", { scope: "col", class: at > 1 ? "figure" : "" }, name)))),
        el(
          "tbody",
          {},
          ...told.map((group) =>
            el(
              "tr",
              {},
              el("td", {}, el("a", { href: `#/documents?${new URLSearchParams({ recipe: group.recipe })}` }, group.recipe || "–")),
              el("td", {}, group.model || "–"),
              ...[count(group.done), count(group.failed), count(group.under_way), compact(group.tokens), money(group.cost)].map(
                (text) => el("td", { class: "figure" }, text),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Bars of what ended over time; arrow keys and the pointer tell each. */
class Chart {
  constructor(place) {
    this.at = null;
    this.readout = el("p", { class: "readout", role: "status" });
    this.drawing = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT + 22}`,
      tabindex: 0,
      role: "img",
      on: {
        pointermove: (event) => this.point(event),
        pointerleave: () => this.pick(null),
        keydown: (event) => this.key(event),
        blur: () => this.pick(null),
      },
    });
    this.choices = el("div", { class: "choices" }, this.choice("span", SPANS, "Span of time"), this.choice("measure", MEASURES, "What is drawn"));
    place.append(
      el("div", { class: "headline" }, el("h2", { id: "chart-title" }, "Ended over time"), this.choices),
      this.drawing,
      this.readout,
    );
  }

  choice(name, values, label) {
    const change = (value) => {
      chosen = { ...chosen, [name]: value };
      for (const button of group.children) button.setAttribute("aria-pressed", String(button.value === value));
      if (this.told) this.update(this.told);
      document.dispatchEvent(new CustomEvent("changed"));
    };
    const buttons = Object.entries(values).map(([value, text]) =>
      el("button", { type: "button", value, "aria-pressed": String(chosen[name] === value), on: { click: () => change(value) } }, text),
    );
    const group = el("div", { class: "segments", role: "group", "aria-label": label }, ...buttons);
    return group;
  }

  update(told) {
    this.told = told;
    const values = told.bars.map((bar) => this.value(bar));
    const isKnown = values.some((value) => value !== null);
    const most = Math.max(...values, 0);
    const step = WIDTH / told.bars.length;
    const bars = told.bars.map((bar, at) => this.bar(bar, at, step, most));
    const { start, width_s: width } = told.span;
    const label = width * told.bars.length > 172_800 ? dayOf : clockOf;
    const marks = [0, 0.25, 0.5, 0.75, 1].map((share) =>
      svg(
        "text",
        { x: share * WIDTH, y: HEIGHT + 17, "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle" },
        label(start + share * width * told.bars.length),
      ),
    );
    const top = most ? svg("text", { x: 0, y: 12, class: "top-mark" }, this.format(most)) : null;
    this.drawing.replaceChildren(
      svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT, class: "axis" }),
      ...bars.flat(),
      ...marks,
      ...(top ? [top] : []),
    );
    const total = isKnown ? values.reduce((sum, value) => sum + value, 0) : null;
    this.drawing.setAttribute(
      "aria-label",
      `${MEASURES[chosen.measure]} ended, ${SPANS[chosen.span]}: ${this.format(total)} in all, at most ${this.format(isKnown ? most : null)} in ${duration(width)}. Arrow keys tell each bar.`,
    );
    this.pick(this.at);
  }

  bar(bar, at, step, most) {
    const height = (value) => (most ? (value / most) * (HEIGHT - 18) : 0);
    const x = at * step + step * 0.12;
    const width = step * 0.76;
    const hit = svg("rect", { x: at * step, y: 0, width: step, height: HEIGHT, class: "hit" });
    if (chosen.measure !== "documents") {
      const tall = height(this.value(bar));
      return [hit, svg("rect", { x, y: HEIGHT - tall, width, height: tall, class: "amount", rx: 1.5 })];
    }
    const failed = height(bar.failed);
    const done = height(bar.done);
    return [
      hit,
      svg("rect", { x, y: HEIGHT - done, width, height: done, class: "done", rx: 1.5 }),
      svg("rect", { x, y: HEIGHT - done - failed, width, height: failed, class: "failed", rx: 1.5 }),
    ];
  }

  value(bar) {
    return chosen.measure === "documents" ? bar.done + bar.failed : bar[chosen.measure];
  }

  format(value) {
    return chosen.measure === "cost" ? money(value) : compact(value);
  }

  point(event) {
    const box = this.drawing.getBoundingClientRect();
    this.pick(Math.floor(((event.clientX - box.left) / box.width) * (this.told?.bars.length ?? 0)));
  }

  key(event) {
    const last = (this.told?.bars.length ?? 1) - 1;
    const to = { ArrowLeft: (this.at ?? last + 1) - 1, ArrowRight: (this.at ?? -1) + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.pick(Math.min(last, Math.max(0, to)));
  }

  pick(at) {
    this.at = at;
    const bar = at === null ? null : this.told?.bars[at];
    const hits = this.drawing.querySelectorAll(".hit");
    hits.forEach((hit, number) => hit.classList.toggle("picked", number === at));
    if (!bar) {
      this.readout.textContent = `Each bar is ${duration(this.told?.span.width_s ?? 60)}.`;
      return;
    }
    const from = minuteOf(this.told.span.start + at * this.told.span.width_s);
    this.readout.textContent = `${from}: ${count(bar.done)} done, ${count(bar.failed)} failed, ${compact(bar.tokens)} tokens, cost ${money(bar.cost)}`;
  }
}
