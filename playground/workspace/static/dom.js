// Builds DOM nodes. Text only ever becomes text nodes: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.setAttribute("class", value);
    else if (name === "value" && "value" in node) node.value = value;
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}

const ICONS = {
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  close: "M5 5l10 10M15 5L5 15",
  smile: "M10 17.5a7.5 7.5 0 100-15 7.5 7.5 0 000 15zM7 12c.8 1 1.8 1.5 3 1.5s2.2-.5 3-1.5M7.6 8v.4M12.4 8v.4",
  reply: "M3.5 5.5a2 2 0 012-2h9a2 2 0 012 2v6a2 2 0 01-2 2H9l-3.5 3v-3a2 2 0 01-2-2zM7 7.5h6M7 10h3.5",
  link: "M8.5 11.5l3-3M9 6.5l1.6-1.6a3.2 3.2 0 014.5 4.5L13.5 11M11 13.5l-1.6 1.6a3.2 3.2 0 01-4.5-4.5L6.5 9",
  braces: "M7.5 3.5c-2 0-2.2 1-2.2 2.2v2c0 1.3-.6 2.3-1.8 2.3 1.2 0 1.8 1 1.8 2.3v2c0 1.2.2 2.2 2.2 2.2M12.5 3.5c2 0 2.2 1 2.2 2.2v2c0 1.3.6 2.3 1.8 2.3-1.2 0-1.8 1-1.8 2.3v2c0 1.2-.2 2.2-2.2 2.2",
  send: "M3.5 10L16.5 4l-4 12.5-3-5.5zM9.5 11l7-7",
  sun: "M10 13.5a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM10 1.8v1.7M10 16.5v1.7M1.8 10h1.7M16.5 10h1.7M4.2 4.2l1.2 1.2M14.6 14.6l1.2 1.2M4.2 15.8l1.2-1.2M14.6 5.4l1.2-1.2",
  tools: "M4 16l5.5-5.5M12 3.2a4 4 0 00-3 5.5L3.6 14a1.7 1.7 0 002.4 2.4l5.3-5.4a4 4 0 005.2-4.8l-2.4 2.4-2.3-.6-.6-2.3z",
  lock: "M5.5 9h9v7.5h-9zM7.3 9V6.5a2.7 2.7 0 015.4 0V9",
  hash: "M8 3.5L6.5 16.5M13.5 3.5L12 16.5M4 7.5h12.5M3.5 12.5H16",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  cross: "M6 6l8 8M14 6l-8 8",
  file: "M5.5 2.5h6l3.5 3.5v11.5h-9.5zM11.5 2.5V6H15",
  back: "M12 4.5L6.5 10l5.5 5.5",
  down: "M10 4v12M5 11.5l5 5 5-5",
  play: "M7 4.5l8.5 5.5L7 15.5z",
  up_vote: "M6.5 9l3-6c1.3 0 2 .8 2 2v3h3.8c1 0 1.7.9 1.5 1.9l-1 5c-.2.9-.9 1.6-1.8 1.6H6.5zM3 9h3.5v7.5H3z",
  down_vote: "M13.5 11l-3 6c-1.3 0-2-.8-2-2v-3H4.7c-1 0-1.7-.9-1.5-1.9l1-5c.2-.9.9-1.6 1.8-1.6h7.5zM17 11h-3.5V3.5H17z",
  trash: "M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5",
};

// A drawing beside a text, or inside something that has a name of its own.
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", width: "18", height: "18", fill: "none",
    stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round",
    "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false" },
  svg("path", { d: ICONS[name] ?? ICONS.file }));
}

export function iconButton(name, label, onclick, attributes = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label,
    onclick, ...attributes }, icon(name));
}

export function safeLink(url) {
  try {
    const parsed = new URL(url, location.origin);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed : null;
  } catch {
    return null;
  }
}

export function link(url, ...children) {
  const parsed = safeLink(url);
  if (!parsed) return h("span", {}, ...children);
  const isOwn = parsed.origin === location.origin
    && (parsed.hash || parsed.pathname.startsWith("/archives/"));
  const rest = isOwn ? {} : { target: "_blank", rel: "noopener noreferrer" };
  return h("a", { href: parsed.href, ...rest }, ...children);
}

// What is drawn anew keeps the focus that its predecessor had.
export function keepingFocus(box, work) {
  const held = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  work();
  if (held) [...box.querySelectorAll("[data-key]")].find((node) => node.dataset.key === held)?.focus();
}

export function clock(ts) {
  const date = new Date(Number(ts) * 1000);
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function day(ts) {
  const date = new Date(Number(ts) * 1000);
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

let last = 0;

// An id for what has to name another node (labels, descriptions, the chosen option of a list).
export function freshId(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}
