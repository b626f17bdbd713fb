// The feed: who changed what, newest first, day by day; a row opens to what came and went.

import { agent, withoutAddress } from "./agents.js";
import { byId, dayName, element, empty, exact, hour, path, span, unseen } from "./elements.js";
import { NUMBER, word } from "./words.js";

const SHORT = 7; // digits of a commit
const rows = new Map(); // id to what its row was made of, and the row: one that is open stays open

// `records`: the changes; `chosen`: whether they are not all; `diffOf` gives the promise of a change's diff.
export function showChanges(records, chosen, diffOf) {
  const place = byId("changes");
  if (!records.length) {
    const [title, next] = chosen ? ["chosen_empty", "chosen_next"] : ["changes_empty", "changes_next"];
    return place.replaceChildren(empty(word(title), word(next)));
  }
  const days = [];
  let before = null;
  for (const record of records) {
    const name = dayName(record.timestamp);
    if (days.at(-1)?.name !== name) {
      days.push({ name, rows: [] });
      before = null;
    }
    days.at(-1).rows.push(rowOf(record, diffOf, before));
    before = record;
  }
  const wanted = new Set(records.map((record) => record.id));
  for (const id of rows.keys()) if (!wanted.has(id)) rows.delete(id);
  return place.replaceChildren(
    ...days.flatMap((day) => [element("h3", {}, day.name), element("ol", { class: "rows" }, day.rows)]),
  );
}

// A change of the same commit as the one above it does not repeat who, when and where to the eye.
function rowOf(record, diffOf, above) {
  const same = above !== null && record.commit !== null && record.commit === above.commit;
  const text = JSON.stringify([record, dayName(record.timestamp), same]);
  const known = rows.get(record.id);
  if (known?.text === text) return known.row;
  const details = element("details", { open: known?.row.firstChild.open }, summary(record));
  const row = element("li", { class: [record.pending && "pending", same && "same"].filter(Boolean).join(" ") }, details);
  const open = () => details.open && details.children.length === 1 && details.append(detail(record, diffOf));
  details.addEventListener("toggle", open);
  rows.set(record.id, { text, row });
  return row;
}

function summary(record) {
  const { event_type: event } = record;
  return element(
    "summary",
    {},
    span("when", hour(record.timestamp)),
    agent(record.agent_owner, record.author),
    span(
      "what",
      path(record.file_path),
      event === "modified" ? unseen(` ${word(event)}`) : span(`tag ${event}`, word(event)),
      record.pending ? unseen(`, ${word("is_pending")}`) : null,
    ),
    size(record),
    where(record),
  );
}

// Lines added and removed; nobody knows them of what is not text, or was not counted.
export function size({ lines_added: added, lines_removed: removed }) {
  if (typeof added !== "number") return span("size");
  const counts = { added: NUMBER.format(added), removed: NUMBER.format(removed) };
  return span(
    "size",
    unseen(word("lines", counts)),
    element("span", { class: added ? "added" : "quiet", "aria-hidden": "true" }, `+${counts.added}`),
    element("span", { class: removed ? "removed" : "quiet", "aria-hidden": "true" }, `\u2212${counts.removed}`),
  );
}

function where({ branch, commit, waiting }) {
  const rest = waiting ? word("waits") : commit ? element("code", {}, commit.slice(0, SHORT)) : word("not_committed");
  return span("where", span("branch", branch ?? ""), span("commit", rest));
}

function detail(record, diffOf) {
  const facts = [
    exact(record.timestamp),
    record.worktree && word("worktree", record),
    record.branch && word("branch", record),
    record.commit && word("commit", { commit: record.commit.slice(0, SHORT) }),
    record.author && word("by_author", { author: withoutAddress(record.author) }),
    sums(record),
  ];
  const place = element("div", { class: "diff" });
  const told = facts.filter(Boolean).flatMap((fact, at) => [at ? " · " : "", span("fact", fact)]);
  const shown = element("div", { class: "detail" }, element("p", { class: "quiet" }, told));
  if (!diffOf) return shown;
  place.append(element("p", { class: "quiet" }, word("diff_waiting")));
  diffOf(record.id).then(
    (found) => showDiff(place, record, found),
    (error) => place.replaceChildren(element("p", {}, word("could_not", { reason: error.message }))),
  );
  shown.append(place);
  return shown;
}

function sums({ old_checksum: old, new_checksum: now }) {
  const [before, after] = [old, now].map((one) => one?.slice(0, 8) ?? word("none"));
  return word("checksum", { sum: `${before} → ${after}` });
}

const KINDS = { "+": "added", "-": "removed", "@": "hunk" };

function showDiff(place, { file_path: name, id }, { lines, left_out: more, why }) {
  if (!lines.length) return place.replaceChildren(element("p", { class: "quiet" }, why || word("diff_none")));
  const shown = lines.map((line) => element("span", { class: KINDS[line[0]] }, `${line}\n`));
  const attributes = { tabindex: 0, role: "region", "aria-label": word("diff", { path: name }) };
  const rest = more ? element("p", { class: "quiet" }, word("diff_more", { count: more, id })) : null;
  return place.replaceChildren(...[element("pre", attributes, shown), rest].filter(Boolean));
}
