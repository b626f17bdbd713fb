// Who is shown how: each agent has a colour and a sign of its own. And the list of them: how much, and where now.

import { byId, daysAgo, element, empty, shape, span, time } from "./elements.js";
import { NUMBER, word } from "./words.js";

export const UNKNOWN = "unknown";
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

const slots = new Map(SLOTS.map((name, slot) => [name, slot]));
const taken = new Set();

// Its own slot; for a name without one the first that nobody here has; for the others one together.
function slotOf(name) {
  if (name === UNKNOWN) return "unknown";
  if (!slots.has(name)) slots.set(name, [...SLOTS.keys()].find((slot) => !taken.has(slot)) ?? "other");
  taken.add(slots.get(name));
  return slots.get(name);
}

export const nameOf = (name) => (name === UNKNOWN ? word("unknown") : name);

function sign(name) {
  const slot = slotOf(name);
  const drawn = shape("path", { d: SIGNS[slot] ?? OTHER, class: `agent-${slot}` });
  return shape("svg", { class: "sign", viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, drawn);
}

export const withoutAddress = (author) => author.replace(/\s*<[^<>]*>$/, "") || author;

// Who did something; of somebody unknown the author of the commit, if there is one.
export const whoText = (owner, author) =>
  owner || !author ? nameOf(owner ?? UNKNOWN) : `${nameOf(UNKNOWN)} (${withoutAddress(author)})`;

export function agent(owner, author = null) {
  const name = element("span", { class: "name", title: owner ? null : author }, whoText(owner, author));
  return span("agent", sign(owner ?? UNKNOWN), name);
}

// The days of an agent as columns, as high as the busiest day of all has them at the most.
function spark(days, most) {
  const columns = days.map((number, at) => {
    const height = number ? Math.max(2, 20 * Math.sqrt(number / most)) : 0;
    return number ? `M${at * 4} 22v${-height.toFixed(1)}h3v${height.toFixed(1)}Z` : `M${at * 4} 22v-1h3v1Z`;
  });
  const size = { viewBox: "0 0 119 22", width: 119, height: 22 };
  return shape("svg", { class: "spark", "aria-hidden": "true", ...size }, shape("path", { d: columns.join("") }));
}

// `choose` is called with the name of one whose changes are to be shown, `chosen` is the one that is.
export function showAgents({ agents, at_work: atWork }, chosen, choose) {
  if (!agents.length) return byId("agents").replaceChildren(empty(word("agents_empty"), word("agents_next")));
  const most = Math.max(...agents.flatMap((each) => each.days));
  const working = Map.groupBy(atWork, (each) => each.agent_owner ?? UNKNOWN);
  const last = (each) => working.get(each.agent)?.[0].timestamp ?? "";
  const rows = agents.toSorted((one, other) => last(other).localeCompare(last(one))).map((each) => {
    const attributes = { type: "button", class: "row", "aria-pressed": String(each.agent === chosen) };
    const button = element(
      "button",
      attributes,
      agent(each.agent),
      spark(each.days, most),
      element("span", { class: "number", title: word("changes_month", { count: each.changes }) }, number(each.changes)),
      span("places", working.has(each.agent) ? places(working.get(each.agent)) : lastDay(each.days)),
    );
    button.addEventListener("click", () => choose(each.agent));
    return element("li", {}, button);
  });
  byId("agents").replaceChildren(element("ul", { class: "rows" }, rows));
}

function number(changes) {
  return [NUMBER.format(changes), span("unseen", ` ${word("changes_month", { count: changes })}`)];
}

// Where an agent is at work now.
function places(found) {
  const shown = [...Map.groupBy(found, (each) => each.worktree ?? "")].map(([, [newest]]) => newest);
  return shown.map((each) => span("place", span("dot"), [placeText(each), time(each.timestamp, "short")].flatMap(dotted)));
}

const dotted = (part, at) => (at ? [" · ", part] : [part]);

const placeText = ({ worktree, branch }) =>
  worktree && branch && branch !== worktree ? word("place", { worktree, branch }) : (worktree ?? word("history"));

const lastDay = (days) => daysAgo(days.length - 1 - days.findLastIndex(Boolean));
