// Block Kit as DOM nodes; a block that is not known is shown as raw JSON, never dropped.

import { h, link, safeLink } from "./dom.js";
import { emoji } from "./emoji.js";
import { actionElement } from "./elements.js";
import { markdown, plain, textObject } from "./mrkdwn.js";

// `surface` is {names, act(block, element, value), values, errors} and says what a click does.
export function renderBlocks(blocks, surface) {
  return (blocks ?? []).map((block) => {
    const draw = BLOCKS[block.type] ?? raw;
    return h("div", { class: `block block-${BLOCKS[block.type] ? block.type : "raw"}` },
      draw(block, surface));
  });
}

function raw(block) {
  return h("details", { class: "raw" },
    h("summary", {}, `Block of type ${block.type}, shown as it was sent`),
    h("pre", {}, JSON.stringify(block, null, 2)));
}

function section(block, surface) {
  const fields = (block.fields ?? []).map((field) =>
    h("div", { class: "field" }, textObject(field, surface.names)));
  const accessory = block.accessory
    ? h("div", { class: "accessory" }, element(block, block.accessory, surface)) : null;
  return h("div", { class: "section" },
    h("div", { class: "section-body" },
      block.text ? textObject(block.text, surface.names) : null,
      fields.length ? h("div", { class: "fields" }, fields) : null),
    accessory);
}

function element(block, item, surface) {
  if (item.type === "image") return image(item);
  if (item.type === "mrkdwn" || item.type === "plain_text") return textObject(item, surface.names);
  return actionElement(block, item, surface);
}

// Pictures from elsewhere are not fetched: the page loads nothing from outside.
function image(block) {
  const url = safeLink(block.image_url ?? "");
  if (url && url.origin === location.origin) {
    return h("img", { src: url.href, alt: block.alt_text ?? "" });
  }
  const label = `[image] ${block.alt_text || ""}`;
  return h("span", { class: "picture" }, url ? link(url.href, label) : label);
}

function imageBlock(block) {
  const title = block.title ? h("div", { class: "hint" }, plain(block.title)) : null;
  return h("div", {}, title, image(block));
}

function row(kind) {
  return (block, surface) => h("div", { class: kind },
    (block.elements ?? []).map((item) => element(block, item, surface)));
}

function input(block, surface) {
  const error = surface.errors?.[block.block_id];
  const isMany = ["checkboxes", "radio_buttons"].includes(block.element?.type);
  const optional = block.optional ? h("span", { class: "hint" }, " (optional)") : null;
  const hint = block.hint ? h("div", { class: "hint" }, plain(block.hint)) : null;
  const wrong = error ? h("div", { class: "error", role: "alert" }, error) : null;
  const label = h(isMany ? "legend" : "span", { class: "label" }, plain(block.label), optional);
  const control = actionElement(block, block.element ?? {}, surface, plain(block.label));
  return h(isMany ? "fieldset" : "label", { class: error ? "input wrong" : "input" },
    label, control, hint, wrong);
}

function richText(block, surface) {
  return h("div", { class: "text" }, (block.elements ?? []).map((part) => richPart(part, surface)));
}

function richPart(part, surface) {
  const inside = () => (part.elements ?? []).map((item) => richInline(item, surface));
  switch (part.type) {
    case "rich_text_section": return h("div", { class: "line" }, inside());
    case "rich_text_preformatted": return h("pre", {}, inside());
    case "rich_text_quote": return h("blockquote", {}, inside());
    case "rich_text_list":
      return h(part.style === "ordered" ? "ol" : "ul", {},
        (part.elements ?? []).map((item) => h("li", {}, richPart(item, surface))));
    default: return raw(part);
  }
}

function richInline(item, { names }) {
  let node;
  switch (item.type) {
    case "text": node = h("span", {}, item.text); break;
    case "link": node = link(item.url, item.text || item.url); break;
    case "emoji": return emoji(item.name);
    case "user": return h("span", { class: "mention" }, `@${names.user(item.user_id) ?? item.user_id}`);
    case "usergroup": return h("span", { class: "mention" },
      `@${names.group(item.usergroup_id)?.handle ?? item.usergroup_id}`);
    case "channel": return h("a", { class: "mention", href: `#${item.channel_id}` },
      `#${names.channel(item.channel_id) ?? item.channel_id}`);
    case "broadcast": return h("span", { class: "mention" }, `@${item.range}`);
    default: return raw(item);
  }
  const wraps = { bold: "strong", italic: "em", strike: "s", code: "code" };
  for (const [style, tag] of Object.entries(wraps)) {
    if (item.style?.[style]) node = h(tag, {}, node);
  }
  return node;
}

function table(block, surface) {
  const cell = (tag) => (item) => h(tag, {},
    item.type === "rich_text" ? richText(item, surface) : String(item.text ?? ""));
  const rows = (block.rows ?? []).map((cells, index) =>
    h("tr", {}, cells.map(cell(index === 0 ? "th" : "td"))));
  return h("div", { class: "table" }, h("table", {}, h("tbody", {}, rows)));
}

const BLOCKS = {
  actions: row("actions"),
  context: row("context"),
  context_actions: row("actions"),
  divider: () => h("hr"),
  header: (block) => h("h3", {}, plain(block.text)),
  image: imageBlock,
  input,
  markdown: (block, surface) => markdown(String(block.text ?? ""), surface.names),
  rich_text: richText,
  section,
  table,
};
