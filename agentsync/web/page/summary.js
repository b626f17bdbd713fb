// What stands above the changes: whose page it is, what is pending, what somebody has to see to, the newest report.

import { nameOf, whoText } from "./agents.js";
import { size } from "./changes.js";
import { byId, element, exact, path, span, time } from "./elements.js";
import { phrase, word } from "./words.js";

const PIPS = 20; // changes up to which a threshold is drawn
const OVERLAPS = 3; // documents named of those that several lines of work change

export function showPlace({ repository, worktree, branch, pending_changes: pending }) {
  const place = [worktree && word("worktree", { worktree }), branch && word("branch", { branch })];
  byId("repository").textContent = repository;
  byId("place").textContent = place.filter(Boolean).join(" · ");
  document.title = `${pending ? `(${pending}) ` : ""}${repository} · agentsync`;
}

export function showStrip(status, { overlaps }, live) {
  const { pending_changes: count, consolidation_threshold: threshold } = status;
  const title = element("strong", {}, count ? word("pending", { count }) : word("pending_none"));
  const rest = [count ? next(status, live) : null, last(status)].filter(Boolean);
  const text = rest.flatMap((each) => [" · ", each]).flat();
  byId("pending").replaceChildren(...[count ? pips(count, threshold) : null, title, span("quiet", text)].filter(Boolean));
  byId("consolidate").hidden = !count || !live;
  const notes = [...overlapTexts(overlaps), ...attention(status, live)];
  byId("attention").replaceChildren(...notes.map((note) => element("li", {}, note)));
  byId("attention").hidden = !notes.length;
  byId("report").hidden = !status.last_consolidation;
  byId("strip").hidden = false;
}

// One line for each document that several lines of work change, conflicts first.
function overlapTexts(overlaps) {
  const documents = [...Map.groupBy(overlaps, (each) => each.file_path)];
  const texts = documents.slice(0, OVERLAPS).map(([name, found]) => {
    const sides = new Set(found.flatMap((each) => each.sides.map(side)));
    return word(found[0].level === "conflict" ? "conflict" : "overlap", { path: name, sides: [...sides].join(", ") });
  });
  const more = documents.length - texts.length;
  return more > 0 ? [...texts, word("overlaps_more", { count: more })] : texts;
}

const side = ({ worktree, branch, owners }) => `${worktree ?? branch} (${owners.map(nameOf).join(", ") || word("unknown")})`;

function pips(count, threshold) {
  if (threshold > PIPS) return null;
  const marks = Array.from({ length: threshold }, (_, at) => span(at < count ? "full" : ""));
  return element("span", { class: "pips", "aria-hidden": "true" }, marks);
}

// When the next report is due; in a snapshot that has come since, or not.
function next(status, live) {
  if (!live) return null;
  const since = Date.parse(status.last_consolidation ?? status.watching_since);
  const due = new Date(since + status.consolidation_interval_minutes * 60000);
  if (status.pending_changes >= status.consolidation_threshold || due <= Date.now()) return word("next_now");
  const at = time(`${due.toISOString().slice(0, 19)}Z`);
  return phrase("next_at", { count: status.consolidation_threshold, time: at });
}

function last({ last_consolidation: at }) {
  return at ? phrase("last_report", { time: time(at) }) : word("no_report");
}

function attention({ running, paused, waiting, owed, not_recorded: not, problems }, live) {
  return [
    ...(running || !live ? [] : [word("stopped")]),
    ...problems.map((each) => word("problem", each)),
    ...paused.map(({ worktree, operation, since }) => phrase("paused", { worktree, operation, time: time(since) })),
    ...waiting.map((each) => word("noted", { count: each.observations, path: each.path })),
    ...not.map((each) => word("not_recorded", each)),
    ...owed.map((each) => word(each.reason ? "owed_why" : "owed", each)),
  ];
}

// The newest report as it stands in the shared document: by document, each with its changes.
export function showReport({ report }) {
  if (!report) return byId("report-text").replaceChildren(element("p", { class: "quiet" }, word("no_report")));
  const title = word("report_line", {
    trigger: word(report.trigger_type),
    changes: word("changes_count", { count: report.count }),
    files: word("files_count", { count: report.files }),
  });
  const files = [...Map.groupBy(report.facts, (fact) => fact.file_path)].map(([name, facts]) =>
    element("li", {}, path(name), element("ul", {}, facts.map(fact))),
  );
  const more = report.count - report.facts.length;
  return byId("report-text").replaceChildren(
    element("p", { class: "quiet" }, `${exact(report.timestamp)} · ${title}`),
    element("ul", {}, files),
    more > 0 ? element("p", { class: "quiet" }, word("report_more", { count: more })) : "",
  );
}

const fact = (each) =>
  element(
    "li",
    {},
    [word(each.event_type), whoText(each.agent_owner, each.author), exact(each.timestamp), ""].join(" · "),
    size(each),
  );
