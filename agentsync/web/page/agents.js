"use strict";

// Who is shown how: each agent has a colour, a texture and a sign of its own.

const UNKNOWN = "unknown";
const SLOTS = ["claude-code", "codex-local", "codex-cloud", "claude-cloud", "cursor", "gemini-cli", "copilot", "human"];
const SIGNS = [
  "M6 1.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9Z",
  "M2 2h8v8h-8Z",
  "M6 1.2L11 10.3H1Z",
  "M6 .7L11.3 6L6 11.3L.7 6Z",
  "M1 1.7H11L6 10.8Z",
  "M4.2 1h3.6v3.2H11v3.6H7.8V11H4.2V7.8H1V4.2H4.2Z",
  "M6 .8L11.2 4.6L9.2 10.8H2.8L.8 4.6Z",
  "M3.3 1.2h5.4L11.4 6L8.7 10.8H3.3L.6 6Z",
];
const OTHER = "M6 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8ZM6 4a2 2 0 1 0 0 4a2 2 0 1 0 0-4Z";
const TEXTURES = [
  null,
  "M-1 1L1 -1M0 6L6 0M5 7L7 5",
  "M1.5 1.5h1.5v1.5h-1.5ZM4.5 4.5h1.5v1.5h-1.5Z",
  "M0 1.5H6M0 4.5H6",
  "M-1 5L1 7M0 0L6 6M5 -1L7 1",
  "M1.5 0V6M4.5 0V6",
  "M0 6L6 0M0 0L6 6",
  "M0 3H6M3 0V6",
];

// Which slot each agent has: its own, or for one without the first that nobody needs; then the one for all others.
function slotsOf(names) {
  const slots = new Map(names.filter((name) => SLOTS.includes(name)).map((name) => [name, SLOTS.indexOf(name)]));
  const free = [...SLOTS.keys()].filter((slot) => ![...slots.values()].includes(slot));
  for (const name of names.filter((each) => each !== UNKNOWN && !slots.has(each)).sort())
    slots.set(name, free.shift() ?? "other");
  return slots;
}

let agentSlots = new Map();

const slotOf = (name) => (name === UNKNOWN ? "unknown" : (agentSlots.get(name) ?? "other"));
const nameOf = (agent) => (agent === UNKNOWN ? word("unknown") : agent);

function sign(name) {
  const slot = slotOf(name);
  const drawn = shape("path", { d: SIGNS[slot] ?? OTHER, class: `agent-${slot}` });
  return shape("svg", { class: "sign", viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, drawn);
}

// Who did something; of somebody unknown the author of the commit, if there is one.
function agent(owner, author = null) {
  const name = owner ?? UNKNOWN;
  const beside =
    owner || !author
      ? []
      : [" ", element("span", { class: "author", title: author }, author.replace(/\s*<[^<>]*>$/, "") || author)];
  return element("span", { class: "agent" }, sign(name), element("span", {}, nameOf(name), beside));
}

// The patterns that bars are filled with.
function textures() {
  const patterns = TEXTURES.map((drawn, slot) => pattern(slot, drawn));
  patterns.push(
    pattern("other", "M0 1.5H3M3 4.5H6"),
    pattern("unknown", "M3 1.2a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 1 1 0-3.6Z"),
  );
  return shape("svg", { class: "unseen", width: 0, height: 0, "aria-hidden": "true" }, shape("defs", {}, patterns));
}

function pattern(slot, drawn) {
  const size = { width: 6, height: 6 };
  const lines = drawn && shape("path", { d: drawn, class: "texture" });
  return shape(
    "pattern",
    { id: `texture-${slot}`, patternUnits: "userSpaceOnUse", ...size },
    shape("rect", { ...size, class: `agent-${slot}` }),
    lines,
  );
}
