// What has failed, by reason, and what to do about each.

import { read } from "./api.js";
import { replay } from "./confirm.js";
import { el } from "./dom.js";
import { count, documents } from "./format.js";

export function failuresView(place) {
  const list = el("div", { class: "reasons", "aria-live": "off" });
  place.append(el("h1", {}, "Failures"), list);
  let version = -1;
  return {
    title: "Failures",
    async update(told) {
      if (told.version === version) return;
      version = told.version;
      try {
        const { reasons } = await read("/api/failures");
        draw(list, reasons, told.is_ready);
      } catch (error) {
        document.dispatchEvent(new CustomEvent("trouble", { detail: error.message }));
      }
    },
  };
}

function draw(list, reasons, isReady) {
  const focused = document.activeElement?.id;
  list.replaceChildren(...reasons.map(card));
  if (!reasons.length) list.append(el("p", { class: "quiet" }, isReady ? "Nothing has failed." : "Still reading the bucket."));
  if (focused) document.getElementById(focused)?.focus();
}

function card(group) {
  const hidden = group.count - group.examples.length;
  return el(
    "section",
    { class: "card reason", "aria-labelledby": `reason-${group.reason}` },
    el(
      "div",
      { class: "headline" },
      el("h2", { id: `reason-${group.reason}` }, el("span", { class: "number" }, count(group.count)), ` ${group.reason}`),
      el(
        "div",
        { class: "buttons" },
        el("a", { class: "button", href: `#/documents?${new URLSearchParams({ state: "failed", reason: group.reason })}` }, "List them"),
        el(
          "button",
          {
            type: "button",
            class: "primary",
            id: `replay-${group.reason}`,
            on: { click: () => replay({ states: ["failed"], reasons: [group.reason] }, group.count) },
          },
          `Run ${documents(group.count)} again…`,
        ),
      ),
    ),
    el("p", { class: "remedy" }, el("b", {}, "What to do: "), group.remedy),
    el(
      "ul",
      { class: "examples" },
      ...group.examples.map((example) =>
        el(
          "li",
          {},
          el("a", { href: `#/document?${new URLSearchParams({ key: example.key })}` }, example.key),
          example.message ? el("p", { class: "message" }, example.message) : null,
        ),
      ),
      hidden > 0 ? el("li", { class: "quiet" }, `and ${documents(hidden)} more`) : null,
    ),
  );
}
