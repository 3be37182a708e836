// Interactive elements: buttons, menus and inputs. What is typed is kept in `surface.values`.

import { act } from "./api.js";
import { confirmed, notice } from "./dialogs.js";
import { h, icon, safeLink } from "./dom.js";
import { fileField } from "./filefield.js";
import { plain } from "./mrkdwn.js";
import { names, store } from "./store.js";

const TYPED = {
  __proto__: null,
  plain_text_input: "text", email_text_input: "email", url_text_input: "url",
  number_input: "number", datepicker: "date", timepicker: "time", datetimepicker: "datetime-local",
  rich_text_input: "text",
};
const MANY = 8;
const MOVES = ["ArrowDown", "ArrowUp", "End", "Home", "PageDown", "PageUp"];
const PAUSE_MS = 250;

export function actionElement(block, element, surface, label) {
  const draw = Object.hasOwn(ELEMENTS, element.type) ? ELEMENTS[element.type]
    : TYPED[element.type] ? typed : unknown;
  return draw(block, element, surface, label ?? placeholder(element));
}

function placeholder(element) {
  return element.placeholder ? plain(element.placeholder) : "";
}

function unknown(block, element) {
  return h("code", { class: "raw-element" }, JSON.stringify(element));
}

function keyOf(block, element) {
  return `${block.block_id ?? ""} ${element.action_id ?? ""}`;
}

async function send(block, element, surface, value) {
  if (element.confirm && !(await confirmed(element.confirm, surface.names))) return false;
  await surface.act(block, element, value);
  return true;
}

// `visible_to_user_ids` is a hint to the eye only; the app has to check every click anyway.
function isHidden(element, surface) {
  const seenBy = element.visible_to_user_ids;
  return Array.isArray(seenBy) && !seenBy.some(surface.names.isMe);
}

function clickable(block, element, surface, attributes, ...inside) {
  const node = h("button", { type: "button", "data-key": keyOf(block, element), ...attributes,
    onclick: async () => {
      // Not `disabled`: the focus would be lost, and a dialog could not give it back.
      if (node.ariaDisabled === "true") return;
      const url = element.url ? safeLink(element.url) : null;
      if (url) open(url.href, "_blank", "noopener,noreferrer");
      node.ariaDisabled = "true";
      await send(block, element, surface, attributes.value ?? element.value)
        .finally(() => { node.ariaDisabled = null; });
    } }, ...inside);
  return node;
}

function button(block, element, surface) {
  if (isHidden(element, surface)) return h("span", { hidden: true });
  const style = ["primary", "danger"].includes(element.style) ? ` ${element.style}` : "";
  return clickable(block, element, surface,
    { class: `button${style}`, "aria-label": element.accessibility_label }, plain(element.text));
}

const SIGNS = { __proto__: null, trash: "trash" };

function iconOnly(block, element, surface) {
  if (isHidden(element, surface)) return h("span", { hidden: true });
  const label = element.accessibility_label ?? plain(element.text);
  return clickable(block, element, surface, { class: "icon-button framed", "aria-label": label, title: label },
    icon(SIGNS[element.icon] ?? "file"));
}

function feedback(block, element, surface) {
  const one = (choice, sign) => {
    const label = choice.accessibility_label ?? plain(choice.text);
    return clickable(block, { ...element, confirm: null }, surface,
      { class: "icon-button framed", "aria-label": label, title: plain(choice.text),
        "data-key": `${keyOf(block, element)} ${sign}`, value: choice.value }, icon(sign));
  };
  return h("span", { class: "feedback" }, one(element.positive_button, "up_vote"),
    one(element.negative_button, "down_vote"));
}

function options(element) {
  const groups = element.option_groups ?? [];
  return [...(element.options ?? []), ...groups.flatMap((group) => group.options)];
}

function current(block, element, surface) {
  const typedNow = surface.values?.get(block.block_id, element.action_id);
  if (typedNow !== undefined) return typedNow;
  const chosen = element.initial_option?.value ?? element.initial_options?.map((o) => o.value);
  const initial = ["value", "date", "time", "date_time", "user", "users", "channel", "channels",
    "conversation", "conversations"].map((name) => element[`initial_${name}`]);
  return chosen ?? initial.find((value) => value !== undefined) ?? "";
}

function changed(block, element, surface, value) {
  surface.values?.set(block.block_id, element.action_id, value);
  if (actsAtOnce(block)) send(block, element, surface, value);
}

function actsAtOnce(block) {
  return block.type !== "input" || block.dispatch_action;
}

function choice(option) {
  const about = option.description ? ` (${plain(option.description)})` : "";
  return h("option", { value: option.value }, plain(option.text) + about);
}

function choicesOf(element) {
  if (!element.option_groups) return (element.options ?? []).map(choice);
  return element.option_groups.map((group) =>
    h("optgroup", { label: plain(group.label) }, group.options.map(choice)));
}

function select(block, element, surface, label) {
  const node = h("select", { "aria-label": label || "Choose", "data-key": keyOf(block, element),
    onchange: () => changed(block, element, surface, node.value || null) },
  h("option", { value: "" }, placeholder(element) || "Choose an option"), choicesOf(element));
  node.value = current(block, element, surface) ?? "";
  if (actsAtOnce(block)) opensFirst(node);
  return node;
}

// A closed list takes what an arrow or a letter leads to at once; where that is an act, it opens.
function opensFirst(node) {
  node.addEventListener("keydown", (event) => {
    const isLetter = event.key.length === 1 && event.key !== " ";
    if (event.altKey || event.ctrlKey || event.metaKey || !(isLetter || MOVES.includes(event.key))) return;
    if (!node.showPicker) return;
    event.preventDefault();
    node.showPicker();
  });
}

function overflow(block, element, surface) {
  const node = h("select", { class: "overflow", "aria-label": "More actions",
    "data-key": keyOf(block, element), onchange: () => {
      const { value } = node;
      node.value = "";
      send(block, element, surface, value);
    } }, h("option", { value: "" }, "⋯"), choicesOf(element));
  opensFirst(node);
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
        hold();
        changed(block, element, surface, kind === "radio" ? ticked[0] : ticked);
      });
      const description = option.description
        ? h("span", { class: "hint" }, plain(option.description)) : null;
      return [box, h("label", { class: "choice" }, box,
        h("span", {}, h("span", {}, plain(option.text)), description))];
    });
    // What is over the most that a menu takes cannot be ticked in the first place.
    const hold = () => {
      const isFull = boxes.filter(([b]) => b.checked).length >= (element.max_selected_items ?? Infinity);
      boxes.forEach(([b]) => { b.disabled = isFull && !b.checked; });
    };
    hold();
    return h("div", { class: "choices" }, boxes.map(([, line]) => line));
  };
}

// Several out of many: boxes to tick, with a field to find them where there are more than a few.
function multiSelect(block, element, surface, label) {
  const box = choices("checkbox")(block, element, surface);
  box.classList.add("several");
  if (options(element).length <= MANY) return box;
  const find = h("input", { type: "search", placeholder: "Find", "aria-label": `Find in ${label || "the list"}`,
    oninput: () => {
      const wanted = find.value.toLowerCase();
      for (const line of box.children) line.hidden = !line.textContent.toLowerCase().includes(wanted);
    } });
  return h("div", {}, find, box);
}

function typed(block, element, surface, label) {
  const type = TYPED[element.type];
  const isRich = element.type === "rich_text_input";
  const isMoment = element.type === "datetimepicker";
  const isWords = !/picker$/.test(element.type);
  const now = current(block, element, surface);
  const attributes = {
    "aria-label": label || element.type, placeholder: placeholder(element),
    value: isMoment ? moment(now) : isRich ? words(now) : now, "data-key": keyOf(block, element),
    maxlength: element.max_length, min: element.min_value, max: element.max_value,
    autofocus: element.focus_on_load,
  };
  const node = element.multiline || isRich
    ? h("textarea", { ...attributes, rows: 4 })
    : h("input", { ...attributes, type, step: type !== "number" || element.is_decimal_allowed ? "any" : null });
  const value = () => {
    if (isMoment) return node.value ? Math.floor(new Date(node.value).getTime() / 1000) : null;
    return isRich && node.value ? rich(node.value) : node.value;
  };
  node.addEventListener("input", () => surface.values?.set(block.block_id, element.action_id, value()));
  const tell = () => send(block, element, surface, value());
  if (isWords && block.dispatch_action) dispatched(node, element, tell);
  if (!isWords && actsAtOnce(block)) picked(node, tell);
  return node;
}

// A date is chosen with the mouse at once; while it is typed, each digit makes another one.
function picked(node, tell) {
  let isTyping = false;
  let told = node.value;
  const done = () => {
    isTyping = false;
    if (node.value === told) return;
    told = node.value;
    tell();
  };
  node.addEventListener("pointerdown", () => { isTyping = false; });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") {
      isTyping = event.key !== "Tab" || isTyping;
      return;
    }
    event.preventDefault();
    done();
  });
  node.addEventListener("change", () => { if (!isTyping) done(); });
  node.addEventListener("blur", done);
}

// What is typed is sent at Enter, or at each character, as the element asks for.
function dispatched(node, element, tell) {
  const moments = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  if (moments.includes("on_character_entered")) node.addEventListener("input", tell);
  if (!moments.includes("on_enter_pressed")) return;
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    // Else the window itself would be submitted.
    event.preventDefault();
    tell();
  });
}

function moment(seconds) {
  if (!seconds) return "";
  const date = new Date(Number(seconds) * 1000);
  date.setMinutes(date.getMinutes() - date.getTimezoneOffset());
  return date.toISOString().slice(0, 16);
}

function rich(text) {
  return { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] };
}

function words(value) {
  return (value?.elements ?? []).flatMap((part) => part.elements ?? []).map((item) => item.text ?? "").join("");
}

const option = (id, text) => ({ value: id, text: { text, emoji: false } });
const LISTS = {
  users: () => names.people().map((user) => option(user.id, user.real_name)),
  channels: () => (store.state?.channels ?? []).filter((c) => c.kind === "channel")
    .map((channel) => option(channel.id, `#${channel.name}`)),
  conversations: () => (store.state?.channels ?? [])
    .map((channel) => option(channel.id, channel.kind === "im" ? store.state.app.name : `#${channel.name}`)),
};

function listed(kind, draw) {
  return (block, element, surface, label) =>
    draw(block, { ...element, options: LISTS[kind]() }, surface, label);
}

// The app is asked for the options, as somebody types; what is chosen is sent as a whole option,
// since only the app knows them.
function external(draw) {
  return (block, element, surface, label) => {
    const known = new Map();
    const learned = (list) => list.map((option) => {
      known.set(option.value, option);
      return option;
    });
    const kept = surface.values?.get(block.block_id, element.action_id)
      ?? element.initial_option ?? element.initial_options;
    let chosen = learned([kept ?? []].flat());
    const whole = (value) => {
      chosen = [value ?? []].flat().map((one) => known.get(one)).filter(Boolean);
      return Array.isArray(value) ? chosen : chosen[0] ?? null;
    };
    const now = () => (draw === multiSelect ? chosen.map((option) => option.value) : chosen[0]?.value ?? "");
    const inner = { ...surface,
      values: { get: now, set: (b, a, value) => surface.values?.set(b, a, whole(value)) },
      act: (b, e, value) => surface.act(b, e, whole(value)) };
    const list = h("div", {});
    const show = (found) => {
      const fresh = learned(found).filter((option) => !chosen.some((one) => one.value === option.value));
      list.replaceChildren(draw(block, { ...element, options: [...chosen, ...fresh] }, inner, label));
    };
    show([]);
    return h("div", { class: "external" }, search(block, element, surface, { label, show }), list);
  };
}

function search(block, element, surface, { label, show }) {
  const least = element.min_query_length ?? 3;
  let waiting = null;
  const ask = async (text) => {
    if (text.length < least) return;
    const answer = await act("suggest", { user: store.user, action_id: element.action_id,
      block_id: block.block_id, text, ...surface.place });
    if (answer.ok) show(options(answer));
    else notice(answer.message ?? "The options could not be loaded.");
  };
  const find = h("input", { type: "search", placeholder: placeholder(element) || "Type to find",
    "aria-label": `Find ${label ?? ""}`.trim(),
    onfocus: () => { if (!least && !find.value) ask(""); },
    oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => ask(find.value.trim()), PAUSE_MS);
    } });
  return find;
}

const ELEMENTS = {
  button,
  channels_select: listed("channels", select),
  checkboxes: choices("checkbox"),
  conversations_select: listed("conversations", select),
  external_select: external(select),
  feedback_buttons: feedback,
  file_input: (block, element, surface, label) =>
    (surface.place?.view_id ? fileField(block, element, surface, label) : unknown(block, element)),
  icon_button: iconOnly,
  multi_channels_select: listed("channels", multiSelect),
  multi_conversations_select: listed("conversations", multiSelect),
  multi_external_select: external(multiSelect),
  multi_static_select: multiSelect,
  multi_users_select: listed("users", multiSelect),
  overflow,
  radio_buttons: choices("radio"),
  static_select: select,
  users_select: listed("users", select),
  workflow_button: button,
};
