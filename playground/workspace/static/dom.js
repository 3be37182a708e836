// Builds DOM nodes. Text only ever becomes text nodes: nothing here parses markup.

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "value") node.value = value;
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
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
  const isOwn = parsed.origin === location.origin && parsed.hash;
  const rest = isOwn ? {} : { target: "_blank", rel: "noopener noreferrer" };
  return h("a", { href: parsed.href, ...rest }, ...children);
}

export function clock(ts) {
  const date = new Date(Number(ts) * 1000);
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function day(ts) {
  const date = new Date(Number(ts) * 1000);
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}
