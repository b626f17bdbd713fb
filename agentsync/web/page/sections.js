"use strict";

// The sections of the page: each takes what the API says and fills its place.

const PENDING_SHOWN = 100;
const KINDS = { created: "M6 2V10M2 6H10", modified: "M2 9.8L3 7L8.6 1.5L10.6 3.5L5 9Z", deleted: "M2 6H10" };
const STATES = {
  synced: "M2 6.5L5 9.5L10.3 2.8",
  out_of_sync: "M6 1.5A4.5 4.5 0 1 1 5.9 1.5M6 3.5V6.2L8 7.5",
  missing: "M2.5 2.5L9.5 9.5M9.5 2.5L2.5 9.5",
  unreadable: "M6 2V7M6 9.2V10",
  active: "M2 6.5L5 9.5L10.3 2.8",
  stopped: "M3.5 2.5V9.5M8.5 2.5V9.5",
};

function badge(key, drawn) {
  const drawing = shape(
    "svg",
    { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
    shape("path", { d: drawn }),
  );
  return element("span", { class: `badge ${key}` }, drawing, key in WORDS[LANGUAGE] ? word(key) : key);
}

function tile(title, value, ...notes) {
  return element(
    "div",
    { class: "tile" },
    element("dt", {}, title),
    element("dd", { class: "value" }, value),
    notes.filter(Boolean).map((note) => element("dd", { class: "note" }, note)),
  );
}

function showStatus(status) {
  const place = [
    status.worktree && word("worktree", { worktree: status.worktree }),
    status.branch && word("branch", { branch: status.branch }),
  ];
  byId("place").textContent = place.filter(Boolean).join(" · ");
  byId("tiles").replaceChildren(serviceTile(status), pendingTile(status), watchedTile(status), lastTile(status));
  const notes = attention(status);
  byId("attention").replaceChildren(...notes.map((note) => element("li", {}, note)));
  byId("attention").hidden = !notes.length;
  document.title = `${status.pending_changes ? `(${status.pending_changes}) ` : ""}agentsync`;
}

function serviceTile({ running, check_interval_seconds: count }) {
  const state = running ? "active" : "stopped";
  return tile(
    word("service"),
    badge(state, STATES[state]),
    running ? word("service_note", { count }) : word("stopped_note"),
  );
}

function pendingTile(status) {
  const { pending_changes: pending, consolidation_threshold: threshold } = status;
  const value = [
    NUMBER.format(pending),
    " ",
    element("span", { class: "of" }, word("of_threshold", { count: threshold })),
  ];
  return tile(word("pending_tile"), value, pips(pending, threshold), nextReport(status));
}

function pips(pending, threshold) {
  if (threshold > 20) return null;
  return element(
    "span",
    { class: "pips", "aria-hidden": "true" },
    Array.from({ length: threshold }, (_, at) => element("span", { class: at < pending ? "full" : "" })),
  );
}

function nextReport(status) {
  const count = status.consolidation_threshold;
  const since = status.last_consolidation ?? status.watching_since;
  const minutes = status.consolidation_interval_minutes;
  if (!status.pending_changes) return word("next_none", { count, minutes });
  if (document.body.classList.contains("snapshot")) return null; // what was to come then has come, or not
  const due = new Date(Date.parse(since) + minutes * 60000);
  if (status.pending_changes >= count || due <= Date.now()) return word("next_now");
  return phrase("next_at", { count: NUMBER.format(count), time: time(`${due.toISOString().slice(0, 19)}Z`) });
}

function watchedTile({ watched_files: watched, files }) {
  const wrong = Object.values(files).filter((file) => file.sync_status < 0).length;
  const note = wrong ? word("watched_missing", { count: wrong }) : word("watched_note");
  return tile(word("watched_tile"), NUMBER.format(watched), watched ? note : null);
}

function lastTile({ last_consolidation: last, watching_since: since }) {
  if (last) return tile(word("last_tile"), time(last), exact(new Date(last)));
  return tile(
    word("last_tile"),
    word("last_never"),
    since ? phrase("last_never_note", { time: exact(new Date(since)) }) : null,
  );
}

function attention({ paused, waiting, owed, problems }) {
  return [
    ...problems.map((each) => word("problem", each)),
    ...paused.map(({ worktree, operation, since }) =>
      phrase("paused", { worktree, operation, since, time: time(since) }),
    ),
    ...waiting.map((each) => word("noted", { count: each.observations, path: each.path })),
    ...owed.map((each) => word(each.reason ? "owed_why" : "owed", each)),
  ];
}

function showPending({ count, changes }) {
  if (!count) return byId("pending").replaceChildren(empty(word("pending_empty"), word("pending_empty_next")));
  const headings = [
    [word("file"), "row-head"],
    [word("change"), ""],
    [word("when"), "when"],
    [word("by"), ""],
    [word("checksum"), "sums"],
  ];
  const rows = changes
    .slice(0, PENDING_SHOWN)
    .map((change) => [
      path(change.file_path),
      [
        badge(change.event_type, KINDS[change.event_type]),
        " ",
        change.waiting ? element("span", { class: "tag" }, word("waits")) : null,
      ],
      time(change.timestamp),
      agent(change.agent_owner, change.author),
      sums(change),
    ]);
  const more = count - rows.length;
  const rest = more > 0 ? element("p", { class: "note" }, word("pending_more", { count: more })) : null;
  return byId("pending").replaceChildren(
    ...[table(word("pending_caption"), headings, rows, "pending"), rest].filter(Boolean),
  );
}

function sums({ old_checksum: old, new_checksum: now }) {
  const said = word("old_to_new", {
    old: old?.slice(0, 8) ?? word("no_checksum"),
    new: now?.slice(0, 8) ?? word("no_checksum"),
  });
  const shown = element("span", { "aria-hidden": "true" }, short(old), " → ", short(now));
  return element("span", { class: "sum" }, element("span", { class: "unseen" }, said), shown);
}

function showFiles(status, { checksums }, timeline, rangeName) {
  const paths = Object.keys(status.files);
  if (!paths.length) return byId("files").replaceChildren(empty(word("files_empty"), word("files_empty_next")));
  const range = RANGES[rangeName].strip;
  const entries = new Map(timeline.files.map((each) => [each.file_path, range.hours === 1 ? each.hours : each.days]));
  const strips = new Map(paths.map((each) => [each, stretches(entries.get(each) ?? [], timeline.until, range)]));
  const most = Math.max(1, ...[...strips.values()].flat().map((each) => sum(each.changes)));
  const headings = [
    [word("file"), "row-head"],
    [word("state"), ""],
    [word("checksum"), "sums"],
    [word("last_change"), "when"],
    [word("by"), ""],
    [word(`strip_${rangeName}`), "strips"],
  ];
  const rows = paths.map((each) => [
    [path(each), " ", element("span", { class: "type" }, status.files[each].file_type)],
    fileState(each, status, checksums[each]),
    short(checksums[each]?.checksum),
    checksums[each]?.last_modified
      ? time(checksums[each].last_modified)
      : element("span", { class: "quiet" }, word("never")),
    checksums[each]?.last_modified ? agent(checksums[each].agent_owner, checksums[each].author) : "",
    strip(strips.get(each), most),
  ]);
  return byId("files").replaceChildren(table(word("files_caption"), headings, rows, "files"));
}

function fileState(name, { files, missing }, known) {
  const states = { 1: "synced", 0: "out_of_sync", "-1": missing.includes(name) ? "missing" : "unreadable" };
  const state = states[files[name].sync_status];
  const tag = known?.uncommitted ? element("span", { class: "tag" }, word("uncommitted")) : null;
  return [badge(state, STATES[state]), " ", tag];
}

function showTimeline(timeline, rangeName) {
  const range = RANGES[rangeName];
  const found = stretches(timeline.hours, timeline.until, range);
  const any = found.some((each) => sum(each.changes) || sum(each.consolidations));
  const place = byId("timeline");
  byId("timeline-details").hidden = byId("legend").hidden = !any;
  if (!any) return place.replaceChildren(empty(word("timeline_empty"), word("timeline_empty_next")));
  place.replaceChildren(timelineChart(found, range, Math.max(260, place.clientWidth)));
  byId("legend").replaceChildren(...legend(found));
  return byId("timeline-table").replaceChildren(timelineTable(found));
}

function showActions({ pending_changes: count }) {
  byId("consolidate-note").textContent = count ? word("consolidate_note", { count }) : word("consolidate_nothing");
}
