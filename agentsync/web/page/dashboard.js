// The page itself: it reads, shows what has changed, says when it cannot, and does what is asked for.

import { nameOf, showAgents, UNKNOWN } from "./agents.js";
import { showChanges } from "./changes.js";
import { documentsOf, factsOf, showDocuments } from "./documents.js";
import { byId, element, exact, path, retell, time } from "./elements.js";
import { asMeant, Failed, Refused, Server, snapshot } from "./source.js";
import { showPlace, showReport, showStrip } from "./summary.js";
import { LANGUAGE, phrase, word } from "./words.js";

const EVERY = 10000; // milliseconds between two reads
const WHILE_GONE = 2000;
const SETTLE = 150; // milliseconds in which events count as one
const LEAST = 2000; // milliseconds, and up to half as many more, between two readings for events: others read as well
const SHOWN = matchMedia("(max-width: 40rem)").matches ? 8 : 30; // changes at a time
const READS = { status: "status", checksums: "checksums", timeline: "timeline" };

const page = {
  data: {}, // what was read last, by the names of READS, and overlaps
  records: undefined, // the changes shown
  more: false, // whether somebody has asked for more of them than one page
  next: null, // where older ones begin
  chosen: {}, // the document or the agent whose changes are shown alone
  drawn: {},
  answered: null, // when the server has answered last
  trouble: null,
  listening: false,
  consolidating: false,
};
let server = null;
let timer = 0;
let reading = null;
let again = false;

function translate() {
  document.documentElement.lang = LANGUAGE;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  byId("search").placeholder = word("search");
  byId("search").setAttribute("aria-label", word("search"));
}

// Draw the parts whose data is there, and another than before, so that a selection or an open row survives.
function draw() {
  const { status, checksums, timeline, overlaps } = page.data;
  const { chosen, records } = page;
  const wanted = byId("search").value;
  const today = new Date().toISOString().slice(0, 10);
  part("place", [status], () => showPlace(status));
  part("strip", [status, overlaps ?? null], () => showStrip(status, overlaps ?? { overlaps: [] }, server !== null));
  part("changes", [records, page.next, chosen, today], () => drawChanges(records));
  part("agents", [timeline, chosen], () => showAgents(timeline, chosen.agent, (agent) => choose({ agent })));
  part("documents", [status, checksums, wanted, chosen, today], () => {
    const documents = documentsOf(status, checksums);
    showDocuments(documents, wanted, chosen.path, (name) => choose({ path: name }));
    drawChosen(documents);
  });
  retell();
}

function part(name, depends, show) {
  const now = JSON.stringify(depends);
  if (depends.includes(undefined) || page.drawn[name] === now) return;
  page.drawn[name] = now;
  show();
}

function drawChanges(records) {
  const isChosen = Boolean(page.chosen.path ?? page.chosen.agent);
  showChanges(records, isChosen, server && ((id) => server.read(`api/changes/${id}/diff`, "\t")));
  byId("older").hidden = !page.next;
}

function drawChosen(documents) {
  const { path: name, agent } = page.chosen;
  const one = documents.find((each) => each.name === name);
  const all = element("button", { type: "button", class: "plain" }, word("all_changes"));
  all.addEventListener("click", () => choose({}));
  const what = name ? [path(name), one ? element("span", { class: "quiet" }, factsOf(one)) : ""] : [nameOf(agent ?? "")];
  byId("chosen").hidden = !name && !agent;
  byId("chosen").replaceChildren(...what, all);
}

// Show the changes of one document or one agent alone; of the same one again: all of them.
function choose({ path: name, agent }) {
  const same = name === page.chosen.path && agent === page.chosen.agent;
  page.chosen = same ? {} : { path: name, agent };
  page.more = false;
  const known = (page.all ?? page.records).filter(isChosen);
  if (known.length || !server) page.records = known; // at once; the server may know of more
  draw();
  if (server) refresh();
}

const isChosen = ({ file_path: name, agent_owner: owner }) =>
  name === (page.chosen.path ?? name) && (owner ?? UNKNOWN) === (page.chosen.agent ?? owner ?? UNKNOWN);

function logUrl(before) {
  const query = new URLSearchParams({ limit: SHOWN });
  if (page.chosen.path) query.set("path", asMeant(page.chosen.path));
  if (page.chosen.agent) query.set("agent", page.chosen.agent);
  if (before) query.set("before", before);
  return `api/sync/log?${query}`;
}

async function showOlder() {
  const chosen = page.chosen;
  try {
    const found = await server.read(logUrl(page.next));
    if (chosen !== page.chosen) return;
    page.records = [...page.records, ...found.records];
    page.next = found.next;
    page.more = true;
    draw();
  } catch (error) {
    tellTrouble(error);
  }
}

// Read everything, and draw each part as soon as it is there. A second call while one is under way makes it read once
// more afterwards.
function refresh() {
  again = reading !== null;
  reading ??= readAndShow().finally(() => {
    reading = null;
    clearTimeout(timer);
    timer = setTimeout(refresh, again ? 0 : page.trouble ? WHILE_GONE : EVERY);
  });
  return reading;
}

async function readAndShow() {
  const before = page.data.status?.pending_changes;
  const { chosen } = page;
  const read = async (name, url) => {
    const found = await server.read(url);
    if (name === "log" && chosen !== page.chosen) return;
    if (name === "log") takeLog(found);
    else page.data[name] = found;
    draw();
  };
  try {
    await Promise.all([
      read("log", logUrl()),
      ...Object.entries(READS).map(([name, url]) => read(name, `api/sync/${url}`)),
    ]);
    page.answered = new Date().toISOString();
    setTrouble(null);
    tellPending(before, page.data.status.pending_changes);
    if (byId("report").open) await readReport();
    // Which git may have to be asked for, longer than a page waits: then the next reading has them, and nothing is gone.
    await read("overlaps", "api/overlaps").catch(() => {});
  } catch (error) {
    tellTrouble(error);
  }
}

// The newest changes; those that somebody has asked for beyond them stay, if no gap would be between.
function takeLog(found) {
  const fresh = new Set(found.records.map((record) => record.id));
  const older = page.more ? page.records.filter((record) => !fresh.has(record.id)) : [];
  page.more &&= older.length < page.records.length;
  if (!page.more) page.next = found.next;
  page.records = page.more ? [...found.records, ...older] : found.records;
}

async function readReport() {
  try {
    showReport(await server.read("api/sync/report"));
  } catch (error) {
    tellTrouble(error);
  }
}

function tellPending(before, now) {
  if (before === undefined || before === now) return;
  announce(now ? word("announce_pending", { count: now }) : word("announce_consolidated"));
}

function announce(text) {
  byId("announcer").textContent = text;
}

function tellTrouble(error) {
  if (error instanceof Refused) setTrouble("refused");
  else if (error instanceof Failed) setTrouble("failed", error.message);
  else setTrouble("gone");
}

// Say what is wrong, or that it is over.
function setTrouble(kind, reason = "") {
  const name = kind && `${kind} ${reason}`;
  byId("consolidate").disabled = page.consolidating || Boolean(kind);
  document.body.classList.toggle("stale", Boolean(kind) && page.answered !== null);
  if (page.trouble !== name) {
    if (page.trouble && !kind) announce(word("back"));
    page.trouble = name;
    const never = kind === "gone" && !page.answered;
    const title = kind && phrase(never ? "never_title" : `${kind}_title`, { reason, time: clock(page.answered) });
    if (kind) showNotice(title, word(never ? "never_text" : `${kind}_text`));
    else byId("notice").hidden = true;
  }
  showConnection();
}

const clock = (moment) => (moment ? [element("time", { datetime: moment }, exact(moment)), " (", time(moment), ")"] : "");

function showNotice(title, text) {
  byId("notice").replaceChildren(element("p", {}, element("strong", {}, title.flat())), element("p", {}, text));
  byId("notice").hidden = false;
}

function showConnection() {
  const state = page.trouble ? "gone" : page.answered ? (page.listening ? "live" : "polling") : "waiting";
  byId("connection").dataset.state = state;
  byId("connection").textContent = word(state);
}

async function consolidate() {
  page.consolidating = byId("consolidate").disabled = true;
  say(word("consolidating"));
  try {
    const { changes_consolidated: count } = await server.consolidate();
    say(count ? word("consolidated", { count }) : word("consolidated_nothing"));
  } catch (error) {
    const known = error instanceof Failed || error instanceof Refused;
    say(word("could_not", { reason: known ? error.message : word("gone") }));
  }
  page.consolidating = false;
  await refresh();
  // What had the focus is disabled, or gone.
  if (document.activeElement === document.body) (byId("consolidate").hidden ? byId("main") : byId("consolidate")).focus();
}

async function refreshByHand() {
  await refresh();
  say(page.trouble ? word("gone") : phrase("refreshed", { time: exact(page.answered) }));
}

function say(text) {
  byId("outcome").replaceChildren(...[text].flat());
}

function showSnapshot({ made, report, log, ...data }) {
  page.data = data;
  page.all = page.records = log.records;
  document.body.classList.add("snapshot");
  byId("refresh").hidden = true;
  byId("connection").dataset.state = "snapshot";
  byId("connection").textContent = word("snapshot");
  byId("notice").setAttribute("role", "note");
  byId("notice").classList.add("calm");
  showNotice(phrase("snapshot_title", { time: exact(made) }), word("snapshot_text"));
  showReport(report);
  draw();
}

function listenToServer() {
  let settling = 0;
  let next = 0;
  const heard = () => {
    settling ||= setTimeout(
      () => {
        settling = 0;
        next = performance.now() + LEAST * (1 + Math.random() / 2);
        refresh();
      },
      Math.max(SETTLE, next - performance.now()),
    );
  };
  const listening = (is) => {
    if (page.listening !== is) heard(); // something may have come, or the server gone, in between
    page.listening = is;
    showConnection();
  };
  server.listen(heard, listening);
}

function begin() {
  translate();
  byId("search").addEventListener("input", draw);
  setInterval(retell, 5000);
  const found = snapshot();
  if (found) return showSnapshot(found);
  server = new Server();
  byId("consolidate").addEventListener("click", consolidate);
  byId("refresh").addEventListener("click", refreshByHand);
  byId("older").addEventListener("click", showOlder);
  byId("report").addEventListener("toggle", () => byId("report").open && readReport());
  addEventListener("hashchange", () => {
    server.takeNewToken();
    refresh();
  });
  showConnection();
  listenToServer();
  return refresh();
}

begin();
