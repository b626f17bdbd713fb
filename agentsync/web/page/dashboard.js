"use strict";

// The page itself: it reads, shows what has changed, says when it cannot, and does what the buttons say.

const EVERY = 10000; // milliseconds between two reads
const WHILE_GONE = 2000;
const SETTLE = 150; // milliseconds in which events count as one
const LEAST = 2000; // milliseconds, and up to half as many more, between two readings for events: others read as well

const page = {
  data: null,
  drawn: {},
  range: "day",
  chosen: false,
  answered: null,
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
}

// Draw the parts whose data is another than before, so that a selection or an open table survives.
function draw() {
  const { status, pending, checksums, timeline } = page.data;
  agentSlots = slotsOf([...new Set([...timeline.agents.map((each) => each.agent), ...owners(pending, checksums)])]);
  chooseRange(timeline);
  const width = byId("timeline").clientWidth;
  const parts = {
    status: [[status], () => showStatus(status)],
    actions: [[status.pending_changes], () => showActions(status)],
    pending: [[pending, [...agentSlots]], () => showPending(pending)],
    timeline: [[timeline, page.range, width, [...agentSlots]], () => showTimeline(timeline, page.range)],
    files: [
      [status.files, checksums, timeline, page.range, [...agentSlots]],
      () => showFiles(status, checksums, timeline, page.range),
    ],
  };
  for (const [name, [depends, show]] of Object.entries(parts)) {
    const now = JSON.stringify(depends);
    if (page.drawn[name] !== now) show();
    page.drawn[name] = now;
  }
  retell();
}

function owners(pending, { checksums }) {
  return [...pending.changes, ...Object.values(checksums)].map((each) => each.agent_owner).filter(Boolean);
}

// Until somebody chooses: the shortest time in which something happened.
function chooseRange(timeline) {
  if (page.chosen || !timeline.hours.length) return;
  const filled = (name) => stretches(timeline.hours, timeline.until, RANGES[name]).some((each) => sum(each.changes));
  page.range = Object.keys(RANGES).find(filled) ?? "day";
  document.querySelector(`input[name=range][value=${page.range}]`).checked = true;
}

function announce(text) {
  byId("announcer").textContent = text;
}

// Read everything; a second call while one is under way makes it read once more afterwards.
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
  const before = page.data?.status.pending_changes;
  try {
    page.data = await server.read();
    page.answered = new Date();
    setTrouble(null);
    draw();
    tellPending(before, page.data.status.pending_changes);
  } catch (error) {
    if (error instanceof Refused) setTrouble("refused");
    else if (error instanceof Failed) setTrouble("failed", error.message);
    else setTrouble("gone");
  }
}

function tellPending(before, now) {
  if (before === undefined || before === now) return;
  announce(now ? word("announce_pending", { count: now }) : word("announce_consolidated"));
}

// Say what is wrong, or that it is over.
function setTrouble(kind, reason = "") {
  const name = kind && `${kind} ${reason}`;
  byId("consolidate").disabled = page.consolidating || Boolean(kind);
  document.body.classList.toggle("stale", Boolean(kind) && page.data !== null);
  if (page.trouble === name) return showConnection();
  if (page.trouble && !kind) announce(word("back"));
  page.trouble = name;
  const never = kind === "gone" && !page.answered;
  const title = {
    gone: () => phrase("gone_title", { time: clock(page.answered) }),
    failed: () => word("failed_title", { reason }),
  };
  if (kind)
    showNotice(
      never ? word("never_title") : (title[kind]?.() ?? word(`${kind}_title`)),
      word(never ? "never_text" : `${kind}_text`),
    );
  else byId("notice").hidden = true;
  return showConnection();
}

function showNotice(title, text) {
  const age = page.answered && page.trouble ? [" (", time(`${page.answered.toISOString().slice(0, 19)}Z`), ")"] : [];
  const head = element("p", { class: "notice-title" }, title, age);
  byId("notice").replaceChildren(head, element("p", {}, text));
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
    say(
      word("could_not", { reason: error instanceof Failed || error instanceof Refused ? error.message : word("gone") }),
    );
  }
  page.consolidating = false;
  await refresh();
  if (document.activeElement === document.body) byId("consolidate").focus(); // which it lost when it was disabled
}

async function refreshByHand() {
  await refresh();
  say(page.trouble ? word("gone") : phrase("refreshed", { time: clock(page.answered) }));
}

function say(text) {
  byId("outcome").replaceChildren(...[text].flat());
}

function chosenRange(event) {
  page.range = event.target.value;
  page.chosen = true;
  if (page.data) draw();
}

function showSnapshot(found) {
  const { made, ...data } = found;
  page.data = data;
  document.body.classList.add("snapshot");
  byId("actions").parentElement.hidden = true;
  byId("connection").dataset.state = "snapshot";
  byId("connection").textContent = word("snapshot");
  byId("notice").setAttribute("role", "note");
  byId("notice").classList.add("calm");
  showNotice(phrase("snapshot_title", { time: dated(new Date(made)) }), word("snapshot_text"));
  draw();
}

function listenToServer() {
  let settling = 0;
  let next = 0;
  const heard = () => {
    settling ||= setTimeout(() => {
      settling = 0;
      next = performance.now() + LEAST * (1 + Math.random() / 2);
      refresh();
    }, Math.max(SETTLE, next - performance.now()));
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
  document.body.append(textures());
  for (const each of document.querySelectorAll("input[name=range]")) each.addEventListener("change", chosenRange);
  new ResizeObserver(() => page.data && draw()).observe(byId("timeline"));
  setInterval(retell, 5000);
  const found = snapshot();
  if (found) return showSnapshot(found);
  server = new Server();
  byId("consolidate").disabled = true;
  byId("consolidate").addEventListener("click", consolidate);
  byId("refresh").addEventListener("click", refreshByHand);
  addEventListener("hashchange", () => {
    server.takeNewToken();
    refresh();
  });
  showConnection();
  listenToServer();
  return refresh();
}

begin();
