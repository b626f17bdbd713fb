"use strict";

// Where the page's data comes from: a server that is asked, and listened to, or the snapshot in the page itself.

const READS = { status: "status", pending: "pending-changes", checksums: "checksums", timeline: "timeline" };
const PATIENCE = 8000; // milliseconds for an answer
const RETRY = [500, 1000, 2000, 4000]; // milliseconds before the stream is asked for again

class Refused extends Error {}
class Failed extends Error {}

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

class Server {
  constructor() {
    this.token = takeToken();
    this.known = {}; // what was answered last, with its ETag
  }

  // Somebody has put a token at the end of the address; that alone loads no page anew.
  takeNewToken() {
    this.token = takeToken();
  }

  headers(more = {}) {
    return this.token ? { Authorization: `Bearer ${this.token}`, ...more } : more;
  }

  // Everything that the page shows. Throws Refused, Failed, or another error where there is no answer.
  async read() {
    const names = Object.keys(READS);
    const found = await Promise.all(names.map((name) => this.readOne(name)));
    return Object.fromEntries(names.map((name, at) => [name, found[at]]));
  }

  async readOne(name) {
    const before = this.known[name];
    const headers = this.headers(before?.etag ? { "If-None-Match": before.etag } : {});
    const answer = await fetch(`api/sync/${READS[name]}`, { headers, signal: AbortSignal.timeout(PATIENCE) });
    if (answer.status === 304) return before.body;
    const body = await answered(answer);
    this.known[name] = { etag: answer.headers.get("ETag"), body };
    return body;
  }

  async consolidate() {
    const headers = this.headers({ "Content-Type": "application/json" });
    return answered(
      await fetch("api/sync/consolidate", { method: "POST", headers, body: "{}", signal: AbortSignal.timeout(60000) }),
    );
  }

  // Calls `heard` when something has changed, and `listening(true or false)`. While the page is hidden nothing is asked for: a
  // browser opens six connections to a server, and six pages in the background would leave none.
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

async function answered(answer) {
  if (answer.ok) return parsed(await answer.text());
  const problem = await answer.text().then(parsed).catch(() => ({}));
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

const visible = (text) => text.replace(UNSEEN, escaped);

// The data in JSON, with all that is in its texts to be seen: a file, a branch or an author may be called anything.
function parsed(json) {
  return JSON.parse(json, (_, value) => {
    if (typeof value === "string") return visible(value);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [visible(name), each]));
  });
}

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

function shown() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((go) => document.addEventListener("visibilitychange", () => go(), { once: true }));
}

// What `agentsync export` has put into the page; null in a page that a server gave.
function snapshot() {
  const found = byId("snapshot");
  return found && parsed(found.textContent);
}
