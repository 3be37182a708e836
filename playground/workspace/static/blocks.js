// Block Kit as DOM nodes; a block that is not known is shown as raw JSON, never dropped.

import { alert, card, carousel, container, plan, taskCard } from "./agentblocks.js";
import { chart } from "./charts.js";
import { freshId, h, icon, link } from "./dom.js";
import { actionElement } from "./elements.js";
import { image } from "./images.js";
import { markdown, plain, textObject } from "./mrkdwn.js";
import { raw } from "./raw.js";
import { richText } from "./richtext.js";
import { dataTable, table } from "./tables.js";

// `surface` is {names, files, act(block, element, value), values, errors, place}: what a click does.
export function renderBlocks(blocks, surface) {
  return (Array.isArray(blocks) ? blocks : []).map((block) => {
    const draw = Object.hasOwn(BLOCKS, block?.type) ? BLOCKS[block.type] : raw;
    return h("div", { class: `block block-${draw === raw ? "raw" : block.type}` }, drawn(draw, block, surface));
  });
}

// A block that breaks its own rules must not take the whole message with it.
function drawn(draw, block, surface) {
  try {
    return draw(block, surface);
  } catch (error) {
    return [h("p", { class: "problem" }, `This block could not be drawn (${error.message}).`), raw(block)];
  }
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
  if (item.type === "image") return image(item, surface);
  if (item.type === "mrkdwn" || item.type === "plain_text") return textObject(item, surface.names);
  return actionElement(block, item, surface);
}

function imageBlock(block, surface) {
  const title = block.title ? h("figcaption", { class: "hint" }, plain(block.title)) : null;
  return h("figure", { class: "image-block" }, title, image(block, surface));
}

function row(kind) {
  return (block, surface) => h("div", { class: kind },
    (block.elements ?? []).map((item) => element(block, item, surface)));
}

function input(block, surface) {
  const wrongText = new Map(Object.entries(surface.errors ?? {})).get(block.block_id);
  const isMany = /checkboxes|file_input|radio_buttons|^multi_/.test(block.element?.type ?? "");
  const optional = block.optional ? h("span", { class: "hint" }, " (optional)") : null;
  const hintId = freshId("hint");
  const wrongId = freshId("error");
  const hint = block.hint ? h("div", { class: "hint", id: hintId }, plain(block.hint)) : null;
  const wrong = wrongText ? h("div", { class: "problem", role: "alert", id: wrongId }, wrongText) : null;
  const label = h(isMany ? "legend" : "span", { class: "label" }, plain(block.label), optional);
  const control = actionElement(block, block.element ?? {}, surface, plain(block.label));
  const field = control.matches("input, textarea, select") ? control
    : control.querySelector("input, textarea, select");
  const about = [hint && hintId, wrong && wrongId].filter(Boolean).join(" ");
  if (field && about) field.setAttribute("aria-describedby", about);
  if (field && wrong) field.setAttribute("aria-invalid", "true");
  return h(isMany ? "fieldset" : "label", { class: wrong ? "input wrong" : "input" },
    label, control, hint, wrong);
}

function video(block) {
  const title = plain(block.title);
  const about = [block.provider_name, block.author_name].filter(Boolean).join(" · ");
  return h("div", { class: "video" },
    h("span", { class: "video-play", role: "img", "aria-label": block.alt_text ?? "Video" }, icon("play")),
    h("div", { class: "video-text" },
      h("strong", {}, block.title_url ? link(block.title_url, title) : title),
      block.description ? h("div", {}, plain(block.description)) : null,
      h("div", { class: "hint" }, about ? `${about} · ` : "",
        block.video_url ? link(block.video_url, "Open the video") : null)));
}

function file(block) {
  return h("div", { class: "file" }, icon("file"), h("span", { class: "file-text" },
    h("strong", {}, `Remote file ${block.external_id ?? ""}`), h("span", { class: "hint" }, block.source ?? "")));
}

const BLOCKS = {
  actions: row("actions"),
  alert,
  card,
  carousel,
  container: (block, surface) => container(block, surface, renderBlocks(block.child_blocks, surface)),
  context: row("context"),
  context_actions: row("context-actions"),
  data_table: dataTable,
  data_visualization: chart,
  divider: () => h("hr"),
  file,
  header: (block) => h("h3", {}, plain(block.text)),
  image: imageBlock,
  input,
  markdown: (block, surface) => markdown(String(block.text ?? ""), surface.names),
  plan,
  rich_text: richText,
  section,
  table,
  task_card: taskCard,
  video,
};

