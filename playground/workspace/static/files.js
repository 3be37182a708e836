// Files of a message: pictures inline, everything else as a line that can be opened.

import { h, icon, safeLink } from "./dom.js";
import { store } from "./store.js";

const INLINE = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const UNITS = ["bytes", "kB", "MB", "GB"];

export function size(bytes) {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return Number.isFinite(value) ? `${value >= 10 || !unit ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}` : "";
}

// Always from this origin, whatever host the address was made for, and as the one who looks.
export function address(url) {
  const parsed = safeLink(url ?? "");
  return parsed ? `${parsed.pathname}?${new URLSearchParams({ user: store.user })}` : null;
}

function renderFile(file) {
  const url = address(file.url_private);
  if (file.mode === "tombstone" || !url) {
    return h("div", { class: "file gone" }, icon("file"), "This file was deleted.");
  }
  const name = file.title || file.name || file.id;
  if (INLINE.includes(file.mimetype)) return picture(url, file, name);
  return h("a", { class: "file", href: url, download: file.name ?? "" }, icon("file"),
    h("span", { class: "file-text" }, h("strong", {}, name),
      h("span", { class: "hint" }, [file.filetype?.toUpperCase(), size(file.size)].filter(Boolean).join(" · "))));
}

function picture(url, file, name) {
  const image = h("img", { src: url, alt: file.alt_txt || name, loading: "lazy" });
  image.addEventListener("error", () =>
    image.replaceWith(h("span", { class: "hint" }, "The picture could not be loaded.")));
  return h("figure", { class: "picture-file" }, h("figcaption", { class: "hint" }, name),
    h("a", { href: url, target: "_blank", rel: "noopener noreferrer", "aria-label": `Open ${name}` }, image));
}

export function renderFiles(files) {
  return files?.length ? h("div", { class: "files" }, files.map(renderFile)) : null;
}
