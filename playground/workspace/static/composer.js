// Where a person types: a message, or a slash command with a hint of what there is.

import { act } from "./api.js";
import { Completion } from "./complete.js";
import { notice } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { store } from "./store.js";

const MAX_HEIGHT_PX = 180;
const NARROW_PX = 480;
// What was typed and not sent, by person and place, while they look elsewhere.
const drafts = new Map();

export function composer(label, threadTs = null) {
  const place = [store.user, store.channel, threadTs ?? ""].join(" ");
  const short = innerWidth < NARROW_PX ? label.split(",")[0] : label;
  const field = h("textarea", { rows: 1, "aria-label": label, placeholder: short,
    class: "composer-field", value: drafts.get(place) ?? "" });
  const completion = new Completion(field);
  const usage = h("div", { class: "usage hint", "aria-live": "polite", hidden: true });
  const send = h("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send" }, icon("send"));
  const form = h("form", { class: "composer", onsubmit: (event) => {
    event.preventDefault();
    completion.close();
    submit(field, threadTs);
  } }, completion.node, usage, h("div", { class: "composer-row" }, field, send));
  const look = () => {
    drafts.set(place, field.value);
    send.disabled = !field.value.trim();
    grow(field);
    explain(field, usage);
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || completion.keydown(event)) return;
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", () => {
    look();
    completion.update();
  });
  look();
  return form;
}

function grow(field) {
  field.style.height = "auto";
  if (field.scrollHeight) field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`;
}

// How a command goes on, once its name is there.
function explain(field, usage) {
  const name = /^(\/\S+)\s/.exec(field.value)?.[1];
  const hint = name && store.state?.hints?.[name];
  usage.hidden = !hint;
  if (!hint) return;
  usage.replaceChildren(h("code", {}, name), ` ${hint.usage_hint ?? ""}`,
    hint.description ? ` · ${hint.description}` : "");
}

function put(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

async function submit(field, threadTs) {
  const text = field.value.trim();
  if (!text) return;
  if (text.startsWith("/") && threadTs) {
    notice("Slash commands do not work in threads. Use the channel's own field.");
    return;
  }
  put(field, "");
  const answer = await (text.startsWith("/") ? command(text) : say(text, threadTs));
  if (answer.ok) return;
  notice(answer.message);
  // What was typed meanwhile is not written over.
  put(field, [text, field.value].filter(Boolean).join("\n"));
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
