// One message: who, when, what, its reactions and files, and what can be done with it.

import { act } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { notice } from "./dialogs.js";
import { clock, day, h, icon, iconButton, link, safeLink } from "./dom.js";
import { renderFiles } from "./files.js";
import { image } from "./images.js";
import { mrkdwn } from "./mrkdwn.js";
import { raw, showRaw } from "./raw.js";
import { pickReaction, renderReactions } from "./reactions.js";
import { names, sessionText, store } from "./store.js";
import { Typed } from "./typed.js";

const TINTS = 6;

export function avatar(userId, isBot) {
  const name = names.user(userId) ?? "?";
  const sum = [...name].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return h("span", { class: isBot ? "avatar bot" : `avatar tint-${sum % TINTS}`, "aria-hidden": "true" },
    isBot ? icon("check") : [...name][0]);
}

// By person and message: its list may draw it anew at any moment.
const typedIn = new Map();

function typedOf(message) {
  const key = [store.user, store.channel, message.ts].join(" ");
  if (!typedIn.has(key)) typedIn.set(key, new Typed());
  return typedIn.get(key);
}

function surfaceOf(message) {
  const values = typedOf(message);
  return {
    names, values,
    files: message.files ?? [],
    place: { channel: store.channel, ts: message.ts },
    act: async (block, element, value) => {
      const answer = await act("click", {
        user: store.user, channel: store.channel, ts: message.ts,
        action_id: element.action_id, block_id: block.block_id, value, values: values.values,
      });
      if (!answer.ok) notice(answer.message);
    },
  };
}

function head(message) {
  return h("div", { class: "message-head" },
    h("span", { class: "author" }, names.user(message.user) ?? message.username ?? message.user),
    message.bot_id ? h("span", { class: "badge" }, "APP") : null,
    h("a", { class: "time", href: `#${store.channel}/${message.ts}`,
      title: `${day(message.ts)}, link to this message` }, clock(message.ts)));
}

// What an attachment has besides is shown as it was sent.
const ATTACHED = ["author_name", "blocks", "color", "fallback", "fields", "footer", "id", "image_url",
  "mrkdwn_in", "pretext", "text", "title", "title_link"];

function attachedRest(item) {
  const rest = Object.entries(item).filter(([name]) => !ATTACHED.includes(name));
  return rest.length ? raw({ type: "attachment", ...Object.fromEntries(rest) }) : null;
}

function attachment(item, surface) {
  const color = /^#?([0-9a-f]{6})$/i.exec(item.color ?? "");
  const title = item.title_link && safeLink(item.title_link)
    ? link(item.title_link, String(item.title ?? item.title_link)) : item.title;
  const node = h("div", { class: "attachment" },
    item.pretext ? mrkdwn(String(item.pretext), names) : null,
    item.author_name ? h("div", { class: "hint" }, String(item.author_name)) : null,
    title ? h("div", { class: "attachment-title" }, title) : null,
    item.blocks ? renderBlocks(item.blocks, surface)
      : mrkdwn(String(item.text ?? (title ? "" : item.fallback ?? "")), names),
    (item.fields ?? []).map((field) => h("div", { class: "field" },
      h("strong", {}, String(field.title ?? "")), mrkdwn(String(field.value ?? ""), names))),
    item.image_url ? image({ image_url: item.image_url, alt_text: item.fallback ?? "" }, surface) : null,
    item.footer ? h("div", { class: "hint" }, String(item.footer)) : null, attachedRest(item));
  if (color) node.style.borderLeftColor = `#${color[1]}`;
  return node;
}

function body(message) {
  const surface = surfaceOf(message);
  const blocks = message.blocks ?? [];
  const content = blocks.length ? renderBlocks(blocks, surface)
    : [message.text ? mrkdwn(message.text, names) : null];
  const attachments = (message.attachments ?? []).map((item) => attachment(item, surface));
  const edited = message.edited ? h("span", { class: "edited" }, "(edited)") : null;
  const writing = message.streaming
    ? h("div", { class: "writing", role: "status" }, h("span", { class: "dots", "aria-hidden": "true" }),
      `${names.user(message.user) ?? "The app"} is writing`) : null;
  return [...content, ...attachments, renderFiles(message.files), edited, writing];
}

function threadLink(message, openThread) {
  if (!message.reply_count) return null;
  const count = message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`;
  const session = sessionText(store.sessions[message.ts]);
  return h("button", { type: "button", class: "thread-link", "data-key": "thread",
    onclick: () => openThread(message.ts) },
  h("span", { class: "faces", "aria-hidden": "true" }, (message.reply_users ?? []).slice(0, 4)
    .map((user) => avatar(user, user === store.state?.app.user_id))),
  h("span", { class: "count" }, count),
  h("span", { class: "hint" }, ` last at ${clock(message.latest_reply)}`),
  session ? h("span", { class: "session" }, session) : null);
}

async function copyLink(message) {
  const address = `${location.origin}${location.pathname}#${store.channel}/${message.ts}`;
  try {
    await navigator.clipboard.writeText(address);
    notice("The link is copied.", "info");
  } catch {
    // Without leave to write there, the address bar has it at least.
    location.hash = `#${store.channel}/${message.ts}`;
    notice("The link is in the address bar: this browser let nothing be copied.", "info");
  }
}

function toolbar(message, openThread) {
  const canAnswer = !message.is_ephemeral && message.subtype !== "tombstone";
  return h("div", { class: "toolbar", role: "toolbar", "aria-label": "Actions of this message" },
    canAnswer ? iconButton("smile", "Add a reaction", (event) => pickReaction(event.currentTarget, message)) : null,
    canAnswer && openThread ? iconButton("reply", "Reply in thread", () => openThread(message.ts)) : null,
    canAnswer ? iconButton("link", "Copy the link", () => copyLink(message)) : null,
    iconButton("braces", "Show as JSON", () => showRaw(message)));
}

// A reply that was also sent to the channel says so, and leads to its thread.
function broadcast(message, openThread) {
  if (!openThread || message.subtype !== "thread_broadcast") return null;
  return h("button", { type: "button", class: "thread-link", "data-key": "broadcast",
    onclick: () => openThread(message.thread_ts) }, icon("reply"), "Replied to a thread");
}

// A deleted parent keeps its place, and its thread, and says no more.
function deleted(message, openThread) {
  return h("article", { class: "message tombstone", "data-ts": message.ts, tabindex: "-1",
    "aria-label": "A deleted message" },
  h("span", { class: "avatar gone", "aria-hidden": "true" }, icon("trash")),
  h("div", { class: "message-body" }, h("div", { class: "text" }, "This message was deleted."),
    openThread ? threadLink(message, openThread) : null),
  toolbar(message, openThread));
}

export function draw(message, { openThread, isContinued, isMarked, isHere }) {
  if (message.subtype === "tombstone") return deleted(message, openThread);
  const classes = ["message"];
  if (message.is_ephemeral) classes.push("ephemeral");
  if (isMarked) classes.push("highlight");
  if (isHere) classes.push("is-open");
  if (isContinued) classes.push("continued");
  if (message.streaming) classes.push("streaming");
  if (message.subtype === "me_message") classes.push("doing");
  const mark = message.is_ephemeral
    ? h("div", { class: "only-you" }, icon("lock"), "Only visible to you") : broadcast(message, openThread);
  return h("article", { class: classes.join(" "), "data-ts": message.ts, tabindex: "-1",
    "aria-label": `${names.user(message.user) ?? message.user}, ${clock(message.ts)}`,
    "aria-busy": message.streaming ? "true" : null },
  isContinued ? h("span", { class: "gutter", "aria-hidden": "true" }, clock(message.ts))
    : avatar(message.user, Boolean(message.bot_id)),
  h("div", { class: "message-body" }, mark, isContinued ? null : head(message),
    body(message), renderReactions(message),
    openThread && !message.is_ephemeral ? threadLink(message, openThread) : null),
  toolbar(message, openThread));
}

// Arrows lead from message to message; Tab then leads into the message's own buttons.
export function moveFocus(list, event) {
  const isStep = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const isField = event.target.closest("input, textarea, select, [role='listbox'], [role='tablist']");
  if (!isStep || isField || event.altKey || event.ctrlKey || event.metaKey) return;
  const articles = [...list.querySelectorAll(":scope > article")];
  const here = articles.indexOf(event.target.closest("article"));
  const next = here < 0 ? articles.at(-1) : articles[here + isStep];
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
