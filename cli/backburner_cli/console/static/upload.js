// Drop files and folders: each is uploaded with its tree, and followed until its result is there.

import { read, upload } from "./api.js";
import { badge, el, say, setText } from "./dom.js";
import { bytes, count, documents } from "./format.js";

const AT_ONCE = 4;
const FOLLOWED = 50;
const FIRST_SHOWN = 500;
/** What was dropped outlives the view: one can look elsewhere meanwhile. */
const queue = [];
const list = el("ul", { class: "uploads" });
const total = el("p", { class: "summary", role: "status" });
let running = 0;
let recipe = "";
let view = null;

/** Files that are dropped anywhere on the page are meant to be uploaded. */
export function dropAnywhere() {
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  addEventListener("drop", async (event) => {
    document.body.classList.remove("dropping");
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
    if (!location.hash.startsWith("#/upload")) location.hash = "#/upload";
    for (const entry of entries) await take(entry);
  });
}

export function uploadView(place) {
  const choice = el("select", { on: { change: () => (recipe = choice.value) } });
  const files = el("input", { type: "file", multiple: true, class: "unseen", id: "files", on: { change: chosen } });
  const folder = el("input", { type: "file", webkitdirectory: true, class: "unseen", id: "folder", on: { change: chosen } });
  place.append(
    el("h1", {}, "Upload"),
    el("div", { class: "filters" }, el("label", {}, "Recipe", choice)),
    el(
      "div",
      { class: "drop" },
      el("p", {}, "Drop documents or folders anywhere on this page."),
      el("div", { class: "buttons" }, files, el("label", { for: "files", class: "button" }, "Choose files"), folder, el("label", { for: "folder", class: "button" }, "Choose a folder")),
      el("p", { class: "quiet" }, "Folders keep their tree; hidden files are left out. What is done or under way with the same bytes is skipped."),
    ),
    total,
    list,
  );
  recipes(choice);
  view = { title: "Upload", update: follow };
  return view;
}

async function recipes(choice) {
  try {
    const { recipes: names } = await read("/api/recipes");
    if (!names.includes(recipe)) recipe = names.includes("summary") ? "summary" : "default";
    choice.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === recipe }, name)));
  } catch (error) {
    document.dispatchEvent(new CustomEvent("trouble", { detail: error.message }));
  }
}

function chosen(event) {
  for (const file of event.target.files) {
    const path = file.webkitRelativePath || file.name;
    if (!path.split("/").some((name) => name.startsWith("."))) add(file, path);
  }
  event.target.value = "";
}

/** A file, or all files of a folder but hidden ones. */
async function take(entry, parent = "") {
  if (!entry || entry.name.startsWith(".")) return;
  const path = `${parent}${entry.name}`;
  if (entry instanceof File) return add(entry, path);
  if (entry.isFile) return add(await new Promise((resolve, reject) => entry.file(resolve, reject)), path);
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) return undefined;
    for (const each of some) await take(each, `${path}/`);
  }
}

function add(file, path) {
  const item = new Item(file, path, recipe);
  queue.push(item);
  if (queue.length <= FIRST_SHOWN) list.append(item.node);
  tell();
  next();
}

async function next() {
  if (running >= AT_ONCE) return;
  const item = queue.find((each) => each.stage === "queued");
  if (!item) return;
  running += 1;
  await item.send();
  running -= 1;
  tell();
  next();
}

function tell() {
  const sent = queue.filter((item) => item.stage !== "queued" && item.stage !== "sending");
  const bad = queue.filter((item) => item.stage === "not uploaded").length;
  const ended = queue.filter((item) => item.isOver).length;
  const hidden = queue.length > FIRST_SHOWN ? ` The first ${count(FIRST_SHOWN)} are listed.` : "";
  const troubles = bad ? `, ${count(bad)} not uploaded` : "";
  const text = `${documents(sent.length)} of ${count(queue.length)} uploaded${troubles}; ${count(ended - bad)} ended.${hidden}`;
  setText(total, queue.length ? text : "");
}

/** Look what has become of those whose end is not known, some of them at a time. */
async function follow() {
  const open = queue.filter((item) => item.key && !item.isOver).slice(0, FOLLOWED);
  if (!open.length) return;
  const { rows } = await read("/api/jobs", { key: open.map((item) => item.key), limit: FOLLOWED });
  const known = new Map(rows.map((row) => [row.key, row]));
  for (const item of open) item.follow(known.get(item.key));
  tell();
}

class Item {
  stage = "queued";
  key = "";
  isOver = false;

  constructor(file, path, into) {
    Object.assign(this, { file, path, recipe: into });
    this.bar = el("progress", { value: 0, max: 1, "aria-label": `Upload of ${path}` });
    this.name = el("span", { class: "path" }, path);
    this.said = el("span", { class: "said" }, "queued");
    this.node = el("li", {}, this.name, el("span", { class: "quiet" }, bytes(file.size)), this.bar, this.said);
  }

  async send() {
    this.stage = "sending";
    try {
      const told = await upload(this.recipe, this.path, this.file, (share) => {
        this.bar.value = share;
        setText(this.said, `uploading ${Math.floor(share * 100)} %`);
      });
      this.key = told.key;
      this.since = told.uploaded_at ?? 0;
      this.stage = told.upload;
      this.bar.remove();
      this.name.replaceChildren(el("a", { href: `#/document?${new URLSearchParams({ key: told.key })}` }, told.key));
      setText(this.said, told.upload);
      if (told.upload === "skipped: done") this.end("done", told.upload);
    } catch (error) {
      this.stage = "not uploaded";
      this.bar.remove();
      this.end("failed", `not uploaded: ${error.message}`);
    }
    this.file = null;
  }

  follow(row) {
    const isMine = row && row.uploaded_at >= this.since;
    if (isMine && ["done", "failed", "superseded"].includes(row.state)) {
      this.end(row.state, row.reason ?? "");
      say(`${row.state}: ${this.path}`);
    } else {
      this.said.replaceChildren(badge(isMine ? row.state : "unclaimed"), row?.waiting_for && isMine ? ` for ${row.waiting_for}` : "");
    }
  }

  end(state, why) {
    this.isOver = true;
    this.said.replaceChildren(badge(state), why ? ` ${why}` : "");
  }
}
