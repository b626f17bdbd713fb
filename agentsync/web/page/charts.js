"use strict";

// The timeline and the strips of the files.

const HOUR = 3600 * 1000;
const RANGES = {
  day: { hours: 1, count: 24, label: 6, strip: { hours: 1, count: 24 } },
  week: { hours: 6, count: 28, label: 24, strip: { hours: 24, count: 7 } },
  month: { hours: 24, count: 30, label: 168, strip: { hours: 24, count: 30 } },
};

// Equal stretches of time up to the newest hour; what each entry ({hour or day, changes, ...}) counts is added up.
function stretches(entries, until, { hours, count }) {
  const length = hours * HOUR;
  const first = Math.floor(Date.parse(until) / length) - count + 1;
  const found = Array.from({ length: count }, (_, at) => ({
    start: (first + at) * length,
    end: (first + at + 1) * length,
    changes: {},
    consolidations: {},
    consolidated: 0,
  }));
  for (const entry of entries) {
    const into = found[Math.floor(Date.parse(entry.hour ?? entry.day) / length) - first];
    if (!into) continue;
    add(into.changes, entry.changes);
    add(into.consolidations, entry.consolidations ?? {});
    into.consolidated += entry.consolidated ?? 0;
  }
  return found;
}

function add(counts, more) {
  for (const [key, number] of Object.entries(more)) counts[key] = (counts[key] ?? 0) + number;
}

const sum = (counts) => Object.values(counts).reduce((total, number) => total + number, 0);

// From below to above, in an order that stays the same from bar to bar.
function inOrder(changes) {
  const place = (name) =>
    name === UNKNOWN ? SLOTS.length + 1 : agentSlots.get(name) === "other" ? SLOTS.length : agentSlots.get(name);
  return Object.entries(changes).sort(([one], [other]) => place(one) - place(other) || one.localeCompare(other));
}

function stretchText({ start, end }) {
  const day = dayText.format(start);
  return end - start >= 24 * HOUR ? day : `${day}, ${clockText.format(start)}–${clockText.format(end)} UTC`;
}

function triggersText(consolidations) {
  return Object.entries(consolidations)
    .map(([trigger, number]) => (number > 1 ? `${number} × ${triggerText(trigger)}` : triggerText(trigger)))
    .join(", ");
}

const triggerText = (trigger) => (trigger in WORDS[LANGUAGE] ? word(trigger) : trigger);

function tooltip(stretch) {
  const lines = [
    stretchText(stretch),
    ...inOrder(stretch.changes).map(([name, number]) => `${nameOf(name)}: ${NUMBER.format(number)}`),
  ];
  if (sum(stretch.consolidations)) lines.push(coversText(stretch));
  return shape("title", {}, lines.join("\n"));
}

const coversText = ({ consolidations, consolidated }) =>
  word("covers", { triggers: triggersText(consolidations), count: consolidated });

const CHART = { height: 208, left: 34, right: 8, top: 30, bottom: 26 };

function timelineChart(found, range, width) {
  const most = Math.max(1, ...found.map((each) => sum(each.changes)));
  const step =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].find((each) => most / each <= 4) ??
    Math.ceil(most / 4);
  const top = Math.ceil(most / step) * step;
  const base = CHART.height - CHART.bottom;
  const y = (number) => base - (number / top) * (base - CHART.top);
  const each = (width - CHART.left - CHART.right) / found.length;
  const x = (at) => CHART.left + at * each;
  const made = shape("svg", {
    class: "chart",
    role: "img",
    "aria-label": chartLabel(found),
    viewBox: `0 0 ${width} ${CHART.height}`,
    width,
    height: CHART.height,
  });
  for (let number = 0; number <= top; number += step) {
    made.append(
      shape("line", {
        class: number ? "grid" : "axis",
        x1: CHART.left,
        x2: width - CHART.right,
        y1: y(number),
        y2: y(number),
      }),
    );
    made.append(
      shape(
        "text",
        { class: "tick", x: CHART.left - 8, y: y(number) + 4, "text-anchor": "end" },
        NUMBER.format(number),
      ),
    );
  }
  found.forEach((stretch, at) => made.append(...column(stretch, x(at), each, y, base)));
  made.append(...axisLabels(found, range, x, each, base, width));
  return made;
}

function column(stretch, left, each, y, base) {
  const parts = [];
  const gap = Math.min(4, Math.max(1, each * 0.2));
  const middle = left + each / 2;
  if (sum(stretch.consolidations)) {
    parts.push(shape("line", { class: "mark-line", x1: middle, x2: middle, y1: 18, y2: base }));
    parts.push(shape("path", { class: "mark", d: `M${middle} 5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5Z` }));
    const number = sum(stretch.consolidations);
    if (number > 1 && each > 25)
      parts.push(shape("text", { class: "tick", x: middle + 8, y: 15 }, NUMBER.format(number)));
  }
  let below = 0;
  for (const [name, number] of inOrder(stretch.changes)) {
    const upper = y(below + number);
    const height = Math.max(1, y(below) - upper - (below ? 1 : 0));
    parts.push(
      shape("rect", {
        class: "bar",
        x: left + gap / 2,
        y: upper,
        width: Math.max(1, each - gap),
        height,
        rx: 1.5,
        fill: `url(#texture-${slotOf(name)})`,
      }),
    );
    below += number;
  }
  if (!parts.length) return [];
  const target = shape("rect", { class: "target", x: left, y: 0, width: each, height: base });
  return [shape("g", { class: "column" }, parts, target, tooltip(stretch))];
}

function axisLabels(found, range, x, each, base, width) {
  const apart = Math.max(1, Math.round(range.label / range.hours));
  const sparse = width < 480 && range.hours === 6 ? 2 : 1;
  const labelled = found
    .map((stretch, at) => [stretch, at])
    .filter(([{ start }]) => (start / HOUR / range.hours) % (apart * sparse) === 0);
  return labelled.flatMap(([{ start }, at]) => {
    const text = range.hours === 1 && new Date(start).getUTCHours() ? clockText.format(start) : dayText.format(start);
    const tick = shape("line", { class: "axis", x1: x(at), x2: x(at), y1: base, y2: base + 5 });
    const late = x(at) > width - 50;
    return [
      tick,
      shape(
        "text",
        { class: "tick", x: late ? width - CHART.right : x(at), y: base + 19, "text-anchor": late ? "end" : "start" },
        text,
      ),
    ];
  });
}

function chartLabel(found) {
  const changes = found.reduce((total, each) => total + sum(each.changes), 0);
  const consolidations = found.reduce((total, each) => total + sum(each.consolidations), 0);
  return word("timeline_label", {
    changes: word("changes_count", { count: changes }),
    consolidations: word("consolidations_count", { count: consolidations }),
  });
}

// One row for each stretch in which something happened, newest first.
function timelineTable(found) {
  const headings = [
    [word("when"), "row-head when"],
    [word("total"), "number"],
    [word("by"), ""],
    [word("consolidations"), ""],
  ];
  const rows = found
    .filter((each) => sum(each.changes) || sum(each.consolidations))
    .reverse()
    .map((each) => [
      stretchText(each),
      NUMBER.format(sum(each.changes)),
      whoText(each.changes),
      sum(each.consolidations) ? coversText(each) : "",
    ]);
  return table(word("timeline_caption"), headings, rows, "numbers");
}

const whoText = (changes) =>
  inOrder(changes)
    .map(([name, number]) => `${nameOf(name)} ${NUMBER.format(number)}`)
    .join(", ");

function legend(found) {
  const totals = {};
  for (const each of found) add(totals, each.changes);
  const marks = found.reduce((total, each) => total + sum(each.consolidations), 0);
  const items = inOrder(totals).map(([name, number]) =>
    element("li", {}, agent(name), " ", element("span", { class: "count" }, NUMBER.format(number))),
  );
  if (marks) {
    const mark = shape(
      "svg",
      { class: "sign", viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
      shape("path", { class: "mark", d: "M6 1l5 5l-5 5l-5 -5Z" }),
    );
    items.push(
      element(
        "li",
        {},
        element("span", { class: "agent" }, mark, word("consolidations")),
        " ",
        element("span", { class: "count" }, NUMBER.format(marks)),
      ),
    );
  }
  return items;
}

// The strip of a file: small columns, as high as the most changed file has them at the most.
function strip(found, most) {
  const total = found.reduce((all, each) => all + sum(each.changes), 0);
  const each = 144 / found.length;
  const totals = {};
  for (const stretch of found) add(totals, stretch.changes);
  const label = [word("changes_count", { count: total }), whoText(totals)].filter(Boolean).join(": ");
  const made = shape("svg", {
    class: "strip",
    role: "img",
    "aria-label": label,
    viewBox: "0 0 144 26",
    width: 144,
    height: 26,
  });
  made.append(shape("line", { class: "axis", x1: 0, x2: 144, y1: 25.5, y2: 25.5 }));
  found.forEach((stretch, at) => {
    const y = (number) => 25 - 24 * Math.sqrt(number / most);
    let below = 0;
    const bars = inOrder(stretch.changes).map(([name, number]) => {
      const upper = y(below + number);
      const bar = shape("rect", {
        class: "bar",
        x: at * each + 0.5,
        y: upper,
        width: each - 1,
        height: Math.max(1, y(below) - upper),
        fill: `url(#texture-${slotOf(name)})`,
      });
      below += number;
      return bar;
    });
    if (bars.length) made.append(shape("g", {}, bars, tooltip(stretch)));
  });
  return made;
}
