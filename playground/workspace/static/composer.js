// Where a person types: a message, or a slash command with a hint of what there is.

import { act } from "./api.js";
import { notice } from "./dialogs.js";
import { h } from "./dom.js";
import { store } from "./store.js";

const MAX_HEIGHT_PX = 180;

export function composer(label, threadTs = null) {
  const hints = h("div", { class: "hints" });
  const field = h("textarea", { rows: 1, "aria-label": label, placeholder: label,
    class: "composer-field" });
  const send = h("button", { type: "submit", class: "button primary", "aria-label": "Send" }, "Send");
  const form = h("form", { class: "composer", onsubmit: (event) => {
    event.preventDefault();
    submit(field, hints, threadTs);
  } }, hints, h("div", { class: "composer-row" }, field, send));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", () => {
    grow(field);
    hint(field, hints);
  });
  return form;
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`;
}

function hint(field, hints) {
  const typed = field.value;
  const isCommand = typed.startsWith("/") && !typed.includes(" ");
  const found = isCommand ? store.state.commands.filter((name) => name.startsWith(typed)) : [];
  hints.replaceChildren(...found.map((name) => h("button", {
    type: "button", class: "hint-button",
    onclick: () => {
      field.value = `${name} `;
      hints.replaceChildren();
      field.focus();
    },
  }, name)));
}

async function submit(field, hints, threadTs) {
  const text = field.value.trim();
  if (!text) return;
  if (text.startsWith("/") && threadTs) {
    notice("Slash commands do not work in threads. Use the channel's own field.");
    return;
  }
  field.value = "";
  hints.replaceChildren();
  grow(field);
  const answer = await (text.startsWith("/") ? command(text) : say(text, threadTs));
  if (answer.ok) return;
  notice(answer.message);
  if (!field.value) field.value = text;
}

function say(text, threadTs) {
  return act("say", { user: store.user, channel: store.channel, text, thread_ts: threadTs });
}

function command(line) {
  const [name, ...rest] = line.split(/\s+/);
  const text = line.slice(name.length).trim();
  const body = { user: store.user, channel: store.channel, command: name };
  return act("command", { ...body, text: rest.length ? text : "" });
}
