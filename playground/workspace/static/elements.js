// Interactive elements: buttons, menus and inputs. What is typed is kept in `surface.values`.

import { h } from "./dom.js";
import { confirmed } from "./dialogs.js";
import { plain } from "./mrkdwn.js";

const TYPED = {
  plain_text_input: "text", email_text_input: "email", url_text_input: "url",
  number_input: "number", datepicker: "date", timepicker: "time",
};

export function actionElement(block, element, surface, label) {
  const draw = ELEMENTS[element.type] ?? (TYPED[element.type] ? typed : unknown);
  return draw(block, element, surface, label ?? placeholder(element));
}

function placeholder(element) {
  return element.placeholder ? plain(element.placeholder) : "";
}

function unknown(block, element) {
  return h("code", { class: "raw" }, JSON.stringify(element));
}

async function send(block, element, surface, value) {
  if (element.confirm && !(await confirmed(element.confirm, surface.names))) return false;
  await surface.act(block, element, value);
  return true;
}

// `visible_to_user_ids` is a hint to the eye only; the app has to check every click anyway.
function button(block, element, surface) {
  const seenBy = element.visible_to_user_ids;
  if (Array.isArray(seenBy) && !seenBy.some(surface.names.isMe)) return h("span", { hidden: true });
  const style = element.style ? ` ${element.style}` : "";
  const node = h("button", {
    type: "button", class: `button${style}`, "aria-label": element.accessibility_label,
    onclick: async () => {
      if (element.url) open(element.url, "_blank", "noopener,noreferrer");
      node.disabled = true;
      await send(block, element, surface, element.value).finally(() => { node.disabled = false; });
    },
  }, plain(element.text));
  return node;
}

function options(element) {
  const groups = element.option_groups ?? [];
  return [...(element.options ?? []), ...groups.flatMap((group) => group.options)];
}

function current(block, element, surface) {
  const typedNow = surface.values?.get(block.block_id, element.action_id);
  if (typedNow !== undefined) return typedNow;
  const chosen = element.initial_option?.value ?? element.initial_options?.map((o) => o.value);
  return chosen ?? element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
}

function changed(block, element, surface, value) {
  surface.values?.set(block.block_id, element.action_id, value);
  if (block.type !== "input" || block.dispatch_action) send(block, element, surface, value);
}

function select(block, element, surface, label) {
  const value = current(block, element, surface);
  const choices = options(element).map((option) =>
    h("option", { value: option.value }, plain(option.text)));
  const node = h("select", { "aria-label": label, onchange: () =>
    changed(block, element, surface, node.value || null) },
    h("option", { value: "" }, placeholder(element) || "Choose an option"), choices);
  node.value = value ?? "";
  return node;
}

function overflow(block, element, surface) {
  const node = h("select", { class: "overflow", "aria-label": "More actions", onchange: () => {
    const value = node.value;
    node.value = "";
    send(block, element, surface, value);
  } }, h("option", { value: "" }, "⋯"), options(element).map((option) =>
    h("option", { value: option.value }, plain(option.text))));
  return node;
}

function choices(kind) {
  return (block, element, surface) => {
    const now = [current(block, element, surface)].flat();
    const boxes = options(element).map((option) => {
      const box = h("input", { type: kind, name: `${block.block_id}-${element.action_id}`,
        value: option.value, checked: now.includes(option.value) });
      box.addEventListener("change", () => {
        const ticked = boxes.filter(([b]) => b.checked).map(([b]) => b.value);
        changed(block, element, surface, kind === "radio" ? ticked[0] : ticked);
      });
      const description = option.description
        ? h("span", { class: "hint" }, plain(option.description)) : null;
      return [box, h("label", { class: "choice" }, box, h("span", {}, plain(option.text)), description)];
    });
    return h("div", { class: "choices" }, boxes.map(([, line]) => line));
  };
}

function multiSelect(block, element, surface) {
  return choices("checkbox")(block, element, surface);
}

function typed(block, element, surface, label) {
  const attributes = {
    "aria-label": label, placeholder: placeholder(element), value: current(block, element, surface),
    maxlength: element.max_length, min: element.min_value, max: element.max_value,
    autofocus: element.focus_on_load,
  };
  const node = element.multiline
    ? h("textarea", { ...attributes, rows: 4 })
    : h("input", { ...attributes, type: TYPED[element.type],
        step: element.is_decimal_allowed ? "any" : null });
  node.addEventListener("input", () =>
    surface.values?.set(block.block_id, element.action_id, node.value));
  node.addEventListener("change", () => changed(block, element, surface, node.value));
  return node;
}

function person(block, element, surface, label) {
  const people = surface.names.people().map((user) => ({
    text: { text: user.real_name }, value: user.id }));
  const start = element.initial_user ? { initial_option: { value: element.initial_user } } : {};
  return select(block, { ...element, ...start, options: people }, surface, label);
}

const ELEMENTS = {
  button,
  checkboxes: choices("checkbox"),
  multi_static_select: multiSelect,
  overflow,
  radio_buttons: choices("radio"),
  static_select: select,
  users_select: person,
  workflow_button: button,
};
