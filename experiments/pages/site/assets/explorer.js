// Draws stored sweeps: the median over the seeds as a line, their range as a band.
"use strict";

const SWEEPS = JSON.parse(document.getElementById("data").textContent);
const COLOURS = 7;
const LEFT = 60, TOP = 20, BOTTOM = 50;
const byId = (id) => document.getElementById(id);
const words = (name) => name.replaceAll("_", " ");

let sweep, measure, width, height, right;

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function pickSweep() {
  sweep = SWEEPS.find((one) => one.name === byId("sweep").value) || SWEEPS[0];
  byId("sweep").value = sweep.name;
  options(byId("measure"), sweep.measures.map((one) => [one.name, words(one.name)]));
  pickMeasure();
}

// Settings keep their value where the next measure has them too.
function pickMeasure() {
  const before = Object.fromEntries(settingSelects().map((select) => [select.name, select.value]));
  const compared = byId("compare").value;
  measure = sweep.measures.find((one) => one.name === byId("measure").value);
  const names = measure.settings.map((setting) => setting.name);
  const along = names.includes(compared) ? compared : longest(measure.settings);
  options(byId("compare"), [["", "nothing"], ...names.map((name) => [name, words(name)])], along);
  byId("settings").replaceChildren(...measure.settings.map((setting) => field(setting, before[setting.name])));
  const positive = measure.curves.every((curve) => curve[0].every((value) => value > 0));
  byId("log").disabled = !positive;
  byId("log").checked = positive && measure.name.includes("loss");
  draw();
}

function longest(settings) {
  const sizes = settings.map((setting) => setting.values.length);
  return settings.length ? settings[sizes.indexOf(Math.max(...sizes))].name : "";
}

function field(setting, value) {
  const box = document.createElement("div"), label = document.createElement("label");
  const select = document.createElement("select");
  box.className = "field";
  select.id = `setting-${setting.name}`;
  select.name = setting.name;
  label.htmlFor = select.id;
  label.textContent = words(setting.name);
  options(select, setting.values.map((one) => [one, one]), value);
  box.append(label, select);
  return box;
}

function settingSelects() {
  return Array.from(byId("settings").querySelectorAll("select"));
}

// The curves to draw: one, or one for each value of the setting that is compared.
function chosen() {
  const along = byId("compare").value;
  const picked = settingSelects().map((select) => select.selectedIndex);
  const index = (at) => measure.settings.reduce((sum, setting, i) => sum * setting.values.length + at[i], 0);
  const place = measure.settings.findIndex((setting) => setting.name === along);
  for (const select of settingSelects()) select.disabled = select.name === along;
  const one = (at, name) => ({ name, curve: measure.curves[index(at)], finite: measure.finite[index(at)] });
  if (place < 0) {
    return [one(picked, measure.settings.map((s, i) => `${words(s.name)} ${s.values[picked[i]]}`).join(", ") || "all runs")];
  }
  return measure.settings[place].values.map((value, i) => one(picked.with(place, i), value));
}

function draw() {
  const lines = chosen(), drawn = lines.filter((line) => line.finite > 0);
  const log = byId("log").checked;
  const xs = measure.x.values;
  width = Math.max(280, byId("plot").clientWidth);
  height = Math.min(460, Math.max(280, width * 0.5));
  right = width < 600 ? 80 : 150;
  const values = drawn.flatMap((line) => line.curve.flat());
  const x = scale(Math.min(...xs), Math.max(...xs), LEFT, width - right, false);
  const y = scale(Math.min(...values), Math.max(...values), height - BOTTOM, TOP, log);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "caption" });
  if (drawn.length) {
    axes(svg, x, y);
    lines.forEach((line, i) => line.finite > 0 && curve(svg, line, i, xs, x, y));
    names(svg, lines, y);
  }
  byId("plot").replaceChildren(svg);
  table(lines);
  const along = byId("compare").value;
  const fixed = settingSelects().filter((s) => !s.disabled).map((s) => `${words(s.name)} ${s.value}`).join(", ");
  byId("caption").textContent =
    `${words(measure.name)} over ${words(measure.x.name)}${along ? `, by ${words(along)}` : ""}` +
    `${fixed ? `; ${fixed}` : ""}; median and range of ${measure.seeds} seeds` +
    `${drawn.length < lines.length ? `; ${lines.length - drawn.length} without a finite run` : ""}`;
  const link = document.createElement("a");
  link.href = `../${sweep.name}/index.html`;
  link.textContent = sweep.title;
  byId("more").replaceChildren("The experiment: ", link);
}

function scale(low, high, from, to, log) {
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  const f = log ? Math.log10 : (value) => value;
  const at = (value) => from + ((f(value) - f(low)) / (f(high) - f(low))) * (to - from);
  return { at, ticks: log ? logTicks(low, high) : ticks(low, high), from, to };
}

function ticks(low, high) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((candidate) => candidate >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(6)));
  return found;
}

function logTicks(low, high) {
  const found = [];
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const within = last - first > 3 ? [1] : [1, 2, 5];
  const stride = Math.max(1, Math.ceil((last - first) / 8));
  for (let power = first; power <= last; power += stride) {
    for (const k of within) {
      const value = Number(`${k}e${power}`);
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found.length > 1 ? found : ticks(low, high);
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function number(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(1) : String(Number(value.toPrecision(4)));
}

function axes(svg, x, y) {
  for (const tick of y.ticks) {
    svg.append(element("line", { class: "grid", x1: LEFT, x2: width - right, y1: y.at(tick), y2: y.at(tick) }));
    svg.append(element("text", { x: LEFT - 8, y: y.at(tick) + 4, "text-anchor": "end" }, number(tick)));
  }
  for (const tick of x.ticks) {
    svg.append(element("text", { x: x.at(tick), y: height - BOTTOM + 20, "text-anchor": "middle" }, number(tick)));
  }
  svg.append(element("text", { x: (LEFT + width - right) / 2, y: height - 10, "text-anchor": "middle" }, words(measure.x.name)));
}

function curve(svg, line, i, xs, x, y) {
  const [low, median, high] = line.curve;
  const along = (values) => values.map((value, k) => `${x.at(xs[k]).toFixed(1)},${y.at(value).toFixed(1)}`);
  const group = element("g", { class: `c${i % COLOURS}` });
  group.append(element("polygon", { class: "band", points: [...along(low), ...along(high).reverse()].join(" ") }));
  group.append(element("polyline", { class: "curve", points: along(median).join(" ") }));
  svg.append(group);
}

// The names stand behind the curves' ends, far enough apart to be read.
function names(svg, lines, y) {
  const ends = lines.map((line, i) => ({ i, name: line.name, at: line.finite > 0 ? y.at(line.curve[1].at(-1)) : null }));
  const shown = ends.filter((end) => end.at !== null).sort((a, b) => a.at - b.at);
  if (byId("compare").value === "") return;
  const gap = Math.min(16, (height - BOTTOM - TOP) / shown.length);
  shown.forEach((end, k) => { end.at = Math.max(end.at, k ? shown[k - 1].at + gap : TOP); });
  shown.reverse().forEach((end, k) => { end.at = Math.min(end.at, k ? shown[k - 1].at - gap : height - BOTTOM); });
  for (const end of shown) {
    const fits = Math.floor((right - 8) / 8);
    const text = end.name.length > fits ? `${end.name.slice(0, fits - 1)}…` : end.name;
    svg.append(element("text", { class: `name c${end.i % COLOURS}`, x: width - right + 8, y: end.at + 4 }, text));
  }
}

function table(lines) {
  byId("ends").replaceChildren(
    ...lines.map((line, i) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      const swatch = document.createElement("span");
      head.scope = "row";
      swatch.className = `swatch c${i % COLOURS}`;
      head.append(swatch, line.name);
      const [low, median, high] = line.curve.map((values) => (values.length ? number(values.at(-1)) : "–"));
      const cells = [median, `${low} to ${high}`, line.finite, measure.seeds - line.finite].map((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      });
      row.append(head, ...cells);
      return row;
    }),
  );
}

function fromHash() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (SWEEPS.some((one) => one.name === name)) {
    byId("sweep").value = name;
    pickSweep();
  }
}

byId("sweep").addEventListener("change", pickSweep);
byId("measure").addEventListener("change", pickMeasure);
byId("compare").addEventListener("change", draw);
byId("settings").addEventListener("change", draw);
byId("log").addEventListener("change", draw);
byId("controls").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", fromHash);
window.addEventListener("resize", draw);
pickSweep();
fromHash();
