// The blocks that agents answer with: plans and tasks, cards, containers and alerts.

import { h, icon, link } from "./dom.js";
import { actionElement } from "./elements.js";
import { image } from "./images.js";
import { plain, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const STATUS = { pending: "Waiting", in_progress: "Running", complete: "Done", error: "Failed" };
const MARKS = { complete: "check", error: "cross" };
const LEVELS = { info: "Note", warning: "Warning", error: "Error", success: "Success" };
const SLACK_ICONS = { __proto__: null, check: "check", trash: "trash", link: "link", file: "file", "thumbs-up": "up_vote",
  "thumbs-down": "down_vote", code: "braces", comment: "reply" };

function statusMark(status) {
  const known = Object.hasOwn(STATUS, status) ? status : "pending";
  return h("span", { class: `task-mark ${known}`, role: "img", "aria-label": STATUS[known] },
    MARKS[known] ? icon(MARKS[known]) : null);
}

function sources(list) {
  if (!list?.length) return null;
  return h("div", { class: "task-sources" }, list.map((item) =>
    h("span", { class: "chip" }, link(item.url ?? "", item.text || item.url || "source"))));
}

// What a task did is folded away, as long as it runs or failed it is open.
function task(item, surface) {
  const body = [
    item.details ? richText(item.details, surface) : null,
    item.output ? h("div", { class: "task-output" }, richText(item.output, surface)) : null,
    sources(item.sources),
  ].filter(Boolean);
  const title = [statusMark(item.status), h("span", { class: "task-title" }, String(item.title ?? ""))];
  if (!body.length) return h("div", { class: "task" }, h("div", { class: "task-head" }, title));
  const isOpen = ["in_progress", "error"].includes(item.status);
  return h("details", { class: "task", open: isOpen },
    h("summary", { class: "task-head" }, title), h("div", { class: "task-body" }, body));
}

export function taskCard(block, surface) {
  return h("div", { class: "task-card" }, task(block, surface));
}

export function plan(block, surface) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((item) => item.status === "complete").length;
  const title = typeof block.title === "object" ? plain(block.title) : String(block.title ?? "");
  return h("div", { class: "plan" },
    h("div", { class: "plan-head" }, h("strong", {}, title),
      tasks.length ? h("span", { class: "hint" }, `${done} of ${tasks.length} done`) : null),
    h("ol", { class: "plan-tasks" }, tasks.map((item) => h("li", {}, task(item, surface)))));
}

export function alert(block, surface) {
  const level = Object.hasOwn(LEVELS, block.level) ? block.level : "default";
  return h("div", { class: `alert ${level}`, role: "note" },
    LEVELS[level] ? h("strong", {}, LEVELS[level]) : null, textObject(block.text, surface.names));
}

export function card(block, surface) {
  const sign = block.icon ? image(block.icon, surface)
    : block.slack_icon ? icon(SLACK_ICONS[block.slack_icon.name] ?? "file") : null;
  return h("div", { class: "card" },
    block.hero_image ? h("div", { class: "card-hero" }, image(block.hero_image, surface)) : null,
    h("div", { class: "card-head" }, sign ? h("span", { class: "card-icon" }, sign) : null,
      h("div", { class: "card-titles" },
        block.title ? h("div", { class: "card-title" }, textObject(block.title, surface.names)) : null,
        block.subtitle ? h("div", { class: "hint" }, textObject(block.subtitle, surface.names)) : null)),
    block.body ? textObject(block.body, surface.names) : null,
    block.subtext ? h("div", { class: "hint" }, textObject(block.subtext, surface.names)) : null,
    block.actions?.length ? h("div", { class: "actions" }, block.actions.map((item) =>
      actionElement(block, item, surface))) : null);
}

export function carousel(block, surface) {
  return h("div", { class: "carousel", role: "group", "aria-label": "Cards", tabindex: "0" },
    (block.elements ?? []).map((item) => card(item, surface)));
}

export function container(block, surface, children) {
  const title = block.rich_text_title ? richText(block.rich_text_title, surface)
    : h("strong", {}, plain(block.title));
  const head = [block.icon ? h("span", { class: "card-icon" }, image(block.icon, surface)) : null,
    h("div", { class: "card-titles" }, title,
      block.subtitle ? h("div", { class: "hint" }, textObject(block.subtitle, surface.names)) : null)];
  const classes = `container ${block.has_header_divider ? "lined" : ""} width-${block.width ?? "standard"}`;
  if (!block.is_collapsible) {
    return h("div", { class: classes }, h("div", { class: "container-head" }, head),
      h("div", { class: "container-body" }, children));
  }
  return h("details", { class: classes, open: !block.default_collapsed },
    h("summary", { class: "container-head" }, head), h("div", { class: "container-body" }, children));
}
