// Pictures in blocks: shown where they are the workspace's own, else named and linked.

import { h, icon, link, safeLink } from "./dom.js";
import { address } from "./files.js";

function source(block, surface) {
  if (block.image_url) return block.image_url;
  const named = block.slack_file ?? {};
  const known = (surface.files ?? []).find((file) => file.id === named.id);
  return known ? address(known.url_private) : named.url ?? "";
}

// Pictures from elsewhere are not fetched: the page loads nothing from outside.
export function image(block, surface = {}) {
  const url = safeLink(source(block, surface));
  const alt = block.alt_text ?? "";
  if (url && url.origin === location.origin) return h("img", { src: url.href, alt, loading: "lazy" });
  const label = `[image] ${alt}`;
  return h("span", { class: "picture", title: "Pictures from elsewhere are not loaded here" },
    icon("file"), url ? link(url.href, label) : label);
}
