// The documents: the one that changed last comes first; by folder where there are many, and found by a part of the name.

import { agent } from "./agents.js";
import { byId, element, empty, path, span, time, unseen } from "./elements.js";
import { NUMBER, word } from "./words.js";

const MANY = 12; // documents that are grouped by folder
const OPEN = 40; // documents that are seen without opening a folder
const DAY = 86400000;

// Of each document its path, what is known of it, and how it stands; the one that changed last first, then by name.
export function documentsOf(status, { checksums }, now = Date.now()) {
  const found = Object.entries(status.files).map(([name, { file_type: type, sync_status: state }]) => {
    const known = checksums[name] ?? {};
    const changed = known.last_modified ?? null;
    const since = changed ?? status.watching_since;
    const age = since ? Math.floor((now - Date.parse(since)) / DAY) : 0;
    const missing = status.missing.includes(name);
    const stale = !missing && status.stale_after_days > 0 && age >= status.stale_after_days;
    return { name, type, changed, age, stale, missing, ...known, pending: state === 0, unreadable: state < 0 && !missing };
  });
  return found.sort((one, other) => (other.changed ?? "").localeCompare(one.changed ?? "") || one.missing - other.missing);
}

// `choose` is called with the path of one whose changes are to be shown, `chosen` is the one that is.
export function showDocuments(documents, wanted, chosen, choose) {
  const place = byId("documents");
  byId("search").hidden = documents.length <= MANY;
  if (!documents.length) return place.replaceChildren(empty(word("documents_empty"), word("documents_next")));
  const found = documents.filter((each) => each.name.toLowerCase().includes(wanted.trim().toLowerCase()));
  if (!found.length) return place.replaceChildren(element("p", { class: "quiet" }, word("documents_none")));
  const show = (each, grouped) => row(each, grouped, chosen, choose);
  if (documents.length <= MANY) return place.replaceChildren(list(found.map((each) => show(each, false))));
  const closed = new Set([...place.querySelectorAll("details:not([open])")].map((each) => each.dataset.folder));
  const known = new Set([...place.querySelectorAll("details")].map((each) => each.dataset.folder));
  let seen = 0;
  const isOpen = (name, members) => {
    seen += members.length;
    return Boolean(wanted) || (known.has(name) ? !closed.has(name) : seen <= OPEN);
  };
  const groups = Map.groupBy(found, (each) => folderOf(each.name));
  const made = [...groups].map(([name, members]) =>
    element(
      "details",
      { open: isOpen(name, members), "data-folder": name },
      element("summary", {}, span("path", name || word("at_root")), span("number", NUMBER.format(members.length))),
      list(members.map((each) => show(each, true))),
    ),
  );
  return place.replaceChildren(...made);
}

const list = (rows) => element("ul", { class: "rows" }, rows);
const folderOf = (name) => name.slice(0, name.lastIndexOf("/") + 1);

function row(one, grouped, chosen, choose) {
  const attributes = { type: "button", class: "row", "aria-pressed": String(one.name === chosen), title: one.name };
  const button = element(
    "button",
    attributes,
    span("what", path(grouped ? one.name.slice(folderOf(one.name).length) : one.name), tags(one)),
    lastChange(one),
  );
  button.addEventListener("click", () => choose(one.name));
  return element("li", {}, button);
}

function tags({ pending, uncommitted, unreadable }) {
  return [
    unreadable && span("tag deleted", word("unreadable")),
    uncommitted && span("tag", word("edited")),
    pending && span("dot", unseen(` ${word("pending_mark")}`)),
  ];
}

function lastChange({ missing, stale, age, changed, agent_owner: owner }) {
  if (missing) return span("last quiet", word("missing"));
  if (stale) return span("last stale", word("unchanged", { count: age }));
  if (!changed) return span("last quiet", word("never"));
  return span("last", time(changed, "short"), agent(owner));
}

// The facts of the document whose changes are shown.
export function factsOf({ type, checksum }) {
  return [word("type", { type }), word("checksum", { sum: checksum?.slice(0, 8) ?? word("none") })].join(" · ");
}
