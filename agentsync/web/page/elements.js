"use strict";

// Elements and texts. Text gets in through textContent only: a file may be called anything.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const byId = (id) => document.getElementById(id);

// A table with a caption and headings. Roles are said, because a narrow screen shows it as a list of cards.
function table(caption, headings, rows, name) {
  const head = headings.map(([text, kind]) => element("th", { scope: "col", role: "columnheader", class: kind }, text));
  const body = rows.map((cells) =>
    element(
      "tr",
      { role: "row" },
      cells.map((cell, at) => tableCell(cell, at, headings[at])),
    ),
  );
  return element(
    "table",
    { role: "table", class: name },
    element("caption", { class: "unseen" }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, head)),
    element("tbody", { role: "rowgroup" }, body),
  );
}

function tableCell(content, at, [heading, kind]) {
  const attributes = { class: kind, "data-heading": heading };
  if (kind?.includes("row-head")) return element("th", { scope: "row", role: "rowheader", ...attributes }, content);
  return element("td", { role: "cell", ...attributes }, content);
}

// What to say where there is nothing, and what to do next.
function empty(title, next) {
  return element("div", { class: "empty" }, element("p", { class: "empty-title" }, title), element("p", {}, next));
}

const CLOCK = { timeZone: "UTC", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const clockText = new Intl.DateTimeFormat(LOCALE, CLOCK);
const secondText = new Intl.DateTimeFormat(LOCALE, { ...CLOCK, second: "2-digit" });
const dayText = new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", day: "numeric", month: "short" });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

const exact = (moment) => `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;

function ago(moment, now = Date.now()) {
  const seconds = Math.round((moment.getTime() - now) / 1000);
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS[3];
  return relative.format(Math.trunc(seconds / length), unit);
}

// A time as how long ago it is, kept up to date by `retell`; the exact one is in its title.
function time(text) {
  const moment = new Date(text);
  return element("time", { datetime: text, title: exact(moment), "data-relative": true }, ago(moment));
}

function retell() {
  for (const each of document.querySelectorAll("time[data-relative]")) {
    const text = ago(new Date(each.dateTime));
    if (each.textContent !== text) each.textContent = text;
  }
}

// The clock time of today, else with its day.
function clock(moment) {
  const today = new Date().toISOString().slice(0, 10) === moment.toISOString().slice(0, 10);
  const text = `${secondText.format(moment)} UTC`;
  return element("time", { datetime: moment.toISOString(), title: exact(moment) }, today ? text : exact(moment));
}

const dated = (at) => element("time", { datetime: at.toISOString() }, exact(at));

function short(checksum) {
  if (!checksum) return element("span", { class: "quiet" }, word("no_checksum"));
  return element("code", { title: checksum }, checksum.slice(0, 8));
}

// A path that may break after each of its folders.
function path(text) {
  const parts = text.split(/(?<=\/)/);
  return element(
    "span",
    { class: "path" },
    parts.flatMap((part, at) => (at ? [element("wbr"), part] : [part])),
  );
}
