// Where the page's data comes from: a server that is asked, and listened to, or the snapshot in the page itself.

import { byId } from "./elements.js";

const PATIENCE = 8000; // milliseconds for an answer
const RETRY = [500, 1000, 2000, 4000]; // milliseconds before the stream is asked for again

export class Refused extends Error {}
export class Failed extends Error {}

// The token comes with the address once, and is not left in it. It is base64, perhaps: a + in it is a +.
function takeToken() {
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (found) {
    sessionStorage.setItem("agentsync-token", decoded(found[1]));
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem("agentsync-token");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export class Server {
  constructor() {
    this.token = takeToken();
    this.known = new Map(); // what was answered last, with its ETag, by address
  }

  // Somebody has put a token at the end of the address; that alone loads no page anew.
  takeNewToken() {
    this.token = takeToken();
  }

  headers(more = {}) {
    return this.token ? { Authorization: `Bearer ${this.token}`, ...more } : more;
  }

  // The answer of an endpoint. Throws Refused, Failed, or another error where there is none. `kept`: a character that
  // may stand in it, though it is not drawn.
  async read(url, kept = "") {
    const before = this.known.get(url);
    const headers = this.headers(before?.etag ? { "If-None-Match": before.etag } : {});
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE) });
    if (answer.status === 304) return before.body;
    const body = await answered(answer, kept);
    this.known.set(url, { etag: answer.headers.get("ETag"), body });
    if (this.known.size > 50) this.known.delete(this.known.keys().next().value);
    return body;
  }

  async consolidate() {
    const headers = this.headers({ "Content-Type": "application/json" });
    return answered(
      await fetch("api/sync/consolidate", { method: "POST", headers, body: "{}", signal: AbortSignal.timeout(60000) }),
    );
  }

  // Calls `heard` when something has changed, and `listening(true or false)`. While the page is hidden nothing is asked
  // for: a browser opens six connections to a server, and six pages in the background would leave none.
  async listen(heard, listening) {
    for (let failures = 0; ; failures += 1) {
      await shown();
      const hidden = new AbortController();
      const leave = () => document.hidden && hidden.abort();
      document.addEventListener("visibilitychange", leave);
      try {
        await this.stream(hidden.signal, heard, () => {
          failures = -1;
          listening(true);
        });
      } catch {
        // whatever ended it: the next attempt, or the next read, tells
      }
      document.removeEventListener("visibilitychange", leave);
      listening(false);
      await pause(RETRY[Math.min(Math.max(failures, 0), RETRY.length - 1)]);
    }
  }

  async stream(signal, heard, opened) {
    const headers = this.headers({ Accept: "text/event-stream" });
    const answer = await fetch("api/sync/events", { headers, signal, cache: "no-store" });
    if (!answer.ok) throw new Failed(String(answer.status));
    opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const events = (rest + piece.value).replaceAll("\r\n", "\n").split("\n\n");
      rest = events.pop();
      if (events.some((event) => event.startsWith("event: changed"))) heard();
    }
  }
}

async function answered(answer, kept = "") {
  if (answer.ok) return parsed(await answer.text(), kept);
  const problem = await answer.text().then((text) => parsed(text)).catch(() => ({}));
  const reason = problem.detail || problem.title || `${answer.status} ${answer.statusText}`;
  throw new (answer.status === 401 || answer.status === 403 ? Refused : Failed)(reason);
}

// What is not drawn, or turns around the text beside it. Emoji and Persian words need the two joiners.
const UNSEEN = /(?![\u200c\u200d])[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

function escaped(character) {
  const code = character.codePointAt(0).toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
}

const meant = new Map(); // what a text was before it was made visible, where that differs

function visible(text, kept) {
  const made = text.replace(UNSEEN, (character) => (character === kept ? character : escaped(character)));
  if (made !== text) meant.set(made, text);
  return made;
}

export const asMeant = (text) => meant.get(text) ?? text;

// The data in JSON, with all that is in its texts to be seen: a file, a branch or an author may be called anything.
function parsed(json, kept = "") {
  return JSON.parse(json, (_, value) => {
    if (typeof value === "string") return visible(value, kept);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [visible(name, kept), each]));
  });
}

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

function shown() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((go) => document.addEventListener("visibilitychange", () => go(), { once: true }));
}

// What `agentsync export` has put into the page; null in a page that a server gave.
export function snapshot() {
  const found = byId("snapshot");
  return found && parsed(found.textContent);
}
