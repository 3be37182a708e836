// Tables: the plain one, and the one that can be sorted and leafed through.

import { h } from "./dom.js";
import { richText } from "./richtext.js";
import { actionElement } from "./elements.js";

const PAGE = 5;
const ALIGNED = ["left", "center", "right"];

function content(cell, surface, block) {
  if (cell?.type === "rich_text") return richText(cell, surface);
  if (cell?.type === "raw_number") return cell.text ?? Number(cell.value).toLocaleString();
  if (cell?.type === "action" && cell.element) return actionElement(block, cell.element, surface);
  return String(cell?.text ?? cell?.value ?? "");
}

function frame(caption, ...children) {
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption || "Table" },
    h("table", {}, caption ? h("caption", {}, caption) : null, ...children));
}

export function table(block, surface) {
  const settings = block.column_settings ?? [];
  const kind = (column) => {
    const { align, is_wrapped: isWrapped } = settings[column] ?? {};
    return [ALIGNED.includes(align) ? `align-${align}` : "", isWrapped === false ? "tight" : ""]
      .filter(Boolean).join(" ") || null;
  };
  const [first = [], ...rest] = block.rows ?? [];
  const line = (cells, tag) => h("tr", {}, cells.map((cell, column) =>
    h(tag, { class: kind(column), scope: tag === "th" ? "col" : null }, content(cell, surface, block))));
  return frame("", h("thead", {}, line(first, "th")), h("tbody", {}, rest.map((cells) => line(cells, "td"))));
}

function plainly(cell) {
  if (cell?.type === "raw_number") return Number(cell.value);
  if (cell?.type !== "rich_text") return String(cell?.text ?? cell?.value ?? "");
  const found = [];
  JSON.stringify(cell, (key, value) => {
    if (key === "text") found.push(String(value));
    return value;
  });
  return found.join("");
}

function compared(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

export function dataTable(block, surface) {
  const [head = [], ...rows] = block.rows ?? [];
  const perPage = Math.max(1, Math.min(100, Number(block.page_size) || PAGE));
  const pages = Math.max(1, Math.ceil(rows.length / perPage));
  const named = Number(block.row_header_column_index) || 0;
  const shown = { column: null, isDown: false, page: 0, wanted: "" };
  const box = h("div", { class: "data-table" });
  const sort = (column) => () => {
    shown.isDown = shown.column === column && !shown.isDown;
    shown.column = column;
    draw(`sort ${column}`);
  };
  const leaf = (step) => () => {
    shown.page = Math.max(0, Math.min(pages - 1, shown.page + step));
    draw(step < 0 ? "back" : "on");
  };
  const ordered = () => {
    if (shown.column === null) return rows;
    const by = [...rows].sort((a, b) => compared(plainly(a[shown.column]), plainly(b[shown.column])));
    return shown.isDown ? by.reverse() : by;
  };
  const heading = (cell, column) => {
    const isHere = shown.column === column;
    const direction = shown.isDown ? "descending" : "ascending";
    const isNumber = rows[0]?.[column]?.type === "raw_number";
    return h("th", { scope: "col", "aria-sort": isHere ? direction : null, class: isNumber ? "align-right" : null },
      h("button", { type: "button", class: "sort", "data-step": `sort ${column}`, onclick: sort(column) },
        content(cell, surface, block), h("span", { "aria-hidden": "true" }, isHere ? (shown.isDown ? "▼" : "▲") : "")));
  };
  const line = (cells) => h("tr", {}, cells.map((cell, column) => h(column === named ? "th" : "td",
    { scope: column === named ? "row" : null, class: cell?.type === "raw_number" ? "align-right" : null },
    content(cell, surface, block))));
  const draw = (focused = null) => {
    const part = ordered().slice(shown.page * perPage, (shown.page + 1) * perPage);
    box.replaceChildren(
      frame(String(block.caption ?? ""), h("thead", {}, h("tr", {}, head.map(heading))),
        h("tbody", {}, part.map(line))),
      pages > 1 ? pager(shown.page, pages, leaf) : "");
    if (focused) box.querySelector(`[data-step="${focused}"]:not(:disabled), .pager button:not(:disabled)`)?.focus();
  };
  draw();
  return box;
}

function pager(page, pages, leaf) {
  const step = (name, label, by, isOff) => h("button", { type: "button", class: "button small",
    "data-step": name, disabled: isOff, onclick: leaf(by) }, label);
  return h("div", { class: "pager" }, step("back", "Previous", -1, page === 0),
    h("span", { class: "hint" }, `Page ${page + 1} of ${pages}`), step("on", "Next", 1, page === pages - 1));
}
