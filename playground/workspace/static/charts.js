// Charts drawn as SVG: lines, areas, bars and pies, with the numbers for those who can't see them.

import { h, svg } from "./dom.js";
import { raw } from "./raw.js";

const WIDTH = 560;
const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 30;
const TOP = 10;
const STEPS = 4;

export function chart(block) {
  const { chart: wanted } = block;
  const draw = { __proto__: null, pie, bar: columns, line: lines, area: lines }[wanted?.type];
  if (!draw) return raw(block);
  return h("figure", { class: "chart" }, h("figcaption", {}, String(block.title ?? "")), draw(wanted));
}

function numbers(head, rows) {
  return h("details", { class: "chart-numbers" }, h("summary", {}, "The numbers"),
    h("div", { class: "table" }, h("table", {},
      h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, index) =>
        h(index ? "td" : "th", {}, String(cell)))))))));
}

function legend(entries) {
  return h("ul", { class: "legend" }, entries.map((text, index) =>
    h("li", {}, h("span", { class: `key series-${index % 6}`, "aria-hidden": "true" }), text)));
}

function pie({ segments }) {
  const total = segments.reduce((sum, segment) => sum + Number(segment.value), 0);
  const share = (segment) => `${Math.round((100 * Number(segment.value)) / total)} %`;
  let from = -Math.PI / 2;
  const slices = segments.map((segment, index) => {
    const to = from + (2 * Math.PI * Number(segment.value)) / total;
    const path = slice(from, Math.min(to, from + 2 * Math.PI - 0.0001));
    from = to;
    return svg("path", { d: path, class: `fill series-${index % 6}` },
      svg("title", {}, `${segment.label}: ${share(segment)}`));
  });
  return [h("div", { class: "pie" },
    svg("svg", { viewBox: "0 0 200 200", role: "img", "aria-label": "Pie chart" }, slices),
    legend(segments.map((segment) => `${segment.label} · ${share(segment)}`))),
  numbers(["", "Value"], segments.map((segment) => [segment.label, segment.value]))];
}

function slice(from, to) {
  const point = (angle) => `${(100 + 90 * Math.cos(angle)).toFixed(2)} ${(100 + 90 * Math.sin(angle)).toFixed(2)}`;
  return `M100 100L${point(from)}A90 90 0 ${to - from > Math.PI ? 1 : 0} 1 ${point(to)}Z`;
}

// The places of values and categories on the drawing.
function scale(wanted) {
  const series = wanted.series ?? [];
  const axis = wanted.axis_config ?? {};
  const categories = axis.categories ?? (series[0]?.data ?? []).map((point) => point.label);
  const value = (one, index) => {
    const point = one.data?.find((p) => p?.label === categories[index]) ?? one.data?.[index];
    return Number(point?.value ?? point ?? 0);
  };
  const all = series.flatMap((one) => categories.map((_, index) => value(one, index)));
  const top = rounded(Math.max(0, ...all));
  const low = -rounded(Math.max(0, ...all.map((number) => -number)), 0);
  const y = (number) => TOP + ((top - number) / (top - low)) * (HEIGHT - TOP - BOTTOM);
  const step = (WIDTH - LEFT - 10) / Math.max(1, categories.length);
  return { series, axis, categories, value, top, low, y, step, x: (index) => LEFT + step * (index + 0.5) };
}

function rounded(number, least = 1) {
  if (number <= 0) return least;
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((edge) => edge >= number);
}

function short(number) {
  return new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 }).format(number);
}

function axes(at) {
  const every = Math.ceil(at.categories.length / 8);
  const grid = Array.from({ length: STEPS + 1 }, (_, index) => {
    const number = at.low + ((at.top - at.low) * index) / STEPS;
    return [svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 10, y1: at.y(number), y2: at.y(number) }),
      svg("text", { class: "tick", x: LEFT - 8, y: at.y(number) + 4, "text-anchor": "end" }, short(number))];
  });
  const names = at.categories.map((name, index) => (index % every ? null
    : svg("text", { class: "tick", x: at.x(index), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" },
      String(name).slice(0, 14))));
  return [...grid.flat(), ...names];
}

function framed(at, kind, shapes) {
  const { x_label: across, y_label: up } = at.axis;
  return [h("div", { class: "plot" },
    up ? h("div", { class: "hint" }, up) : null,
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${kind} chart` },
      axes(at), shapes),
    across ? h("div", { class: "hint across" }, across) : null),
  legend(at.series.map((one) => one.name)),
  numbers(["", ...at.series.map((one) => one.name)], at.categories.map((name, index) =>
    [name, ...at.series.map((one) => at.value(one, index))]))];
}

function lines(wanted) {
  const at = scale(wanted);
  const shapes = at.series.flatMap((one, number) => {
    const points = at.categories.map((_, index) => `${at.x(index)} ${at.y(at.value(one, index))}`);
    const path = `M${points.join("L")}`;
    const foot = `L${at.x(at.categories.length - 1)} ${at.y(0)}L${at.x(0)} ${at.y(0)}Z`;
    return [wanted.type === "area" ? svg("path", { d: path + foot, class: `wash series-${number % 6}` }) : null,
      svg("path", { d: path, class: `stroke series-${number % 6}` }),
      ...at.categories.map((name, index) => svg("circle", { class: `fill series-${number % 6}`, r: 3,
        cx: at.x(index), cy: at.y(at.value(one, index)) },
      svg("title", {}, `${one.name}, ${name}: ${at.value(one, index)}`)))];
  });
  return framed(at, wanted.type === "area" ? "Area" : "Line", shapes);
}

function columns(wanted) {
  const at = scale(wanted);
  const width = Math.min(40, (at.step * 0.76) / Math.max(1, at.series.length));
  const shapes = at.series.flatMap((one, number) => at.categories.map((name, index) => {
    const value = at.value(one, index);
    const left = at.x(index) + (number - at.series.length / 2) * width;
    return svg("rect", { class: `fill series-${number % 6}`, x: left, width: Math.max(1, width - 2), rx: 2,
      y: Math.min(at.y(value), at.y(0)), height: Math.abs(at.y(value) - at.y(0)) },
    svg("title", {}, `${one.name}, ${name}: ${value}`));
  }));
  return framed(at, "Bar", shapes);
}
