// Messages of a channel or a thread, drawn again only where they changed.

import { act } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { notice } from "./dialogs.js";
import { clock, day, h } from "./dom.js";
import { emoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { names, rootTs, store } from "./store.js";

const NEAR_BOTTOM_PX = 120;
const GROUP_S = 300;

function avatar(message) {
  const name = names.user(message.user) ?? "?";
  const kind = message.bot_id ? "avatar bot" : `avatar tint-${name.charCodeAt(0) % 5}`;
  return h("span", { class: kind, "aria-hidden": "true" }, message.bot_id ? "✓" : name[0]);
}

function surfaceOf(message) {
  return {
    names,
    act: async (block, element, value) => {
      const answer = await act("click", {
        user: store.user, channel: store.channel, ts: message.ts,
        action_id: element.action_id, block_id: block.block_id, value,
      });
      if (!answer.ok) notice(answer.message);
    },
  };
}

function head(message) {
  return h("div", { class: "message-head" },
    h("span", { class: "author" }, names.user(message.user) ?? message.user),
    message.bot_id ? h("span", { class: "badge" }, "APP") : null,
    h("a", { class: "time", href: `#${store.channel}/${message.ts}`,
      title: `${day(message.ts)}, link to this message` }, clock(message.ts)));
}

function body(message) {
  const blocks = message.blocks ?? [];
  const content = blocks.length
    ? renderBlocks(blocks, surfaceOf(message)) : [mrkdwn(message.text, names)];
  const attachments = (message.attachments ?? []).map((attachment) =>
    h("div", { class: "attachment" },
      attachment.blocks ? renderBlocks(attachment.blocks, surfaceOf(message))
        : mrkdwn(String(attachment.text ?? attachment.fallback ?? ""), names)));
  const edited = message.edited ? h("span", { class: "edited" }, "(edited)") : null;
  return [...content, ...attachments, edited];
}

function reactions(message) {
  const list = (message.reactions ?? []).map((reaction) =>
    h("span", { class: "reaction" }, `${emoji(reaction.name)} ${reaction.count}`));
  return list.length ? h("div", { class: "reactions" }, list) : null;
}

function threadLink(message, openThread) {
  if (!message.reply_count) {
    return h("button", { type: "button", class: "plain-button reply",
      onclick: () => openThread(message.ts) }, "Reply in thread");
  }
  const count = message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`;
  const session = sessionText(store.sessions[message.ts]);
  return h("button", { type: "button", class: "thread-link", onclick: () => openThread(message.ts) },
    count, h("span", { class: "hint" }, ` last at ${clock(message.latest_reply)}`),
    session ? h("span", { class: "session" }, session) : null);
}

export function sessionText(session) {
  return { processing: "working …", suspended: "waiting for a person" }[session?.status] ?? "";
}

// A parent is marked in the channel, a reply in its thread.
function isMarked(message, openThread) {
  const isParent = store.highlight === store.thread;
  return store.highlight === message.ts && isParent === Boolean(openThread);
}

function draw(message, { openThread, isContinued }) {
  const classes = ["message"];
  if (message.is_ephemeral) classes.push("ephemeral");
  if (message.subtype === "tombstone") classes.push("tombstone");
  if (isMarked(message, openThread)) classes.push("highlight");
  if (isContinued) classes.push("continued");
  const mark = message.is_ephemeral
    ? h("div", { class: "only-you" }, "Only visible to you") : null;
  return h("article", { class: classes.join(" "), "data-ts": message.ts },
    isContinued ? h("span", { class: "gutter", "aria-hidden": "true" }, clock(message.ts)) : avatar(message),
    h("div", { class: "message-body" }, mark, isContinued ? null : head(message),
      body(message), reactions(message),
      openThread && !message.is_ephemeral ? threadLink(message, openThread) : null));
}

function continues(message, before) {
  return Boolean(before) && before.user === message.user && !before.reply_count
    && before.is_ephemeral === message.is_ephemeral && !message.is_ephemeral
    && !message.bot_id && Number(message.ts) - Number(before.ts) < GROUP_S
    && day(before.ts) === day(message.ts);
}

// Keeps the nodes of messages that did not change, so that open menus and focus survive.
export function fill(list, messages, options = {}) {
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_BOTTOM_PX;
  const known = list.drawn ?? new Map();
  const fresh = new Map();
  const nodes = [];
  let before = null;
  for (const message of messages) {
    if (!before || day(before.ts) !== day(message.ts)) nodes.push(dayLine(message.ts, known, fresh));
    const isContinued = continues(message, before);
    const session = options.openThread ? store.sessions[message.ts] : null;
    const marked = isMarked(message, options.openThread);
    const key = JSON.stringify([message, isContinued, session, store.user, marked]);
    const old = known.get(message.ts);
    const entry = old?.key === key ? old : { key, node: draw(message, { ...options, isContinued }) };
    fresh.set(message.ts, entry);
    nodes.push(entry.node);
    before = message;
  }
  list.drawn = fresh;
  place(list, nodes);
  if (isAtEnd || options.toEnd) list.scrollTop = list.scrollHeight;
}

function dayLine(ts, known, fresh) {
  const key = `day ${day(ts)}`;
  const entry = known.get(key) ?? { key, node: h("div", { class: "day" }, h("span", {}, day(ts))) };
  fresh.set(key, entry);
  return entry.node;
}

function place(list, nodes) {
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
  while (list.children.length > nodes.length) list.lastChild.remove();
}

export const topLevel = () => store.messages.filter((message) => !rootTs(message));
export const inThread = (ts) =>
  store.messages.filter((message) => message.ts === ts || rootTs(message) === ts);
