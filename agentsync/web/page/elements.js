// Elements, texts and times. Text gets in through textContent only: a file may be called anything.

import { LOCALE, word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);
export const span = (kind, ...children) => element("span", { class: kind }, ...children);
export const unseen = (text) => span("unseen", text);

// What to say where there is nothing, and what to do next.
export function empty(title, next) {
  return element("div", { class: "empty" }, element("p", {}, title), element("p", { class: "quiet" }, next));
}

// A path whose folders step back behind its name; it may break after each of them.
export function path(text) {
  const parts = text.split(/(?<=\/)/);
  const name = parts.pop();
  const folders = parts.flatMap((part) => [part, element("wbr")]);
  return element("bdi", { class: "path" }, folders.length ? span("quiet", folders) : null, name);
}

const DAY = 86400000;
const UTC = { timeZone: "UTC" };
const clockText = new Intl.DateTimeFormat(LOCALE, { ...UTC, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const thisYear = new Intl.DateTimeFormat(LOCALE, { ...UTC, weekday: "short", day: "numeric", month: "short" });
const anyYear = new Intl.DateTimeFormat(LOCALE, { ...UTC, day: "numeric", month: "short", year: "numeric" });
const relative = {
  long: new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" }),
  short: new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto", style: "short" }),
};
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

export const exact = (text) => `${text.slice(0, 19).replace("T", " ")} UTC`;

function ago(text, style) {
  const seconds = Math.round((Date.parse(text) - Date.now()) / 1000);
  const found = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  return found ? relative[style].format(Math.trunc(seconds / found[1]), found[0]) : word("just_now");
}

export const daysAgo = (count) => relative.long.format(-count, "day");

function timeElement(text, shown, style) {
  return element("time", { datetime: text, title: exact(text), "data-relative": style }, shown);
}

// How long ago something was, kept up to date by `retell`; the exact time is in its title.
export const time = (text, style = "long") => timeElement(text, ago(text, style), style);

// The time of a change below the heading of its day: how long ago it was today, else the hour.
export const hour = (text) =>
  dayOf(text) === 0 ? time(text, "short") : timeElement(text, clockText.format(Date.parse(text)));

export function retell() {
  for (const each of document.querySelectorAll("time[data-relative]")) {
    const text = ago(each.dateTime, each.dataset.relative);
    if (each.textContent !== text) each.textContent = text;
  }
}

const days = (moment) => Math.floor(moment / DAY);
export const dayOf = (text) => days(Date.now()) - days(Date.parse(text));

// The day of a time as a heading says it.
export function dayName(text) {
  const since = dayOf(text);
  if (since === 0 || since === 1) return word(since ? "yesterday" : "today");
  const near = new Date(text).getUTCFullYear() === new Date().getUTCFullYear();
  return (near ? thisYear : anyYear).format(Date.parse(text));
}
