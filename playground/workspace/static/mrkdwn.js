// Slack's mrkdwn, and the part of Markdown that `markdown` blocks use, as DOM nodes.

import { h, link } from "./dom.js";
import { EMOJI, emoji } from "./emoji.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };

export function unescaped(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

// What stands after an address is not a part of it.
const ADDRESS = /^https?:\/\/(?:(?!&[gl]t;)[^\s<>|])*(?<![.,;:!?'")\]}*_~`])/;

// Each rule: a pattern that is tried at every place, and what its match becomes.
const INLINE = [
  [/^```([\s\S]+?)```/, (m) => h("pre", {}, unescaped(m[1].replace(/^\n/, "")))],
  [/^`([^`\n]+)`/, (m) => h("code", {}, unescaped(m[1]))],
  [/^<(!date\^[^>|]*)(?:\|([^>]*))?>/, (m, names) => mention(m[1], m[2], names)],
  [/^<([@#!][^>|\s]*)(?:\|([^>]*))?>/, (m, names) => mention(m[1], m[2], names)],
  [/^<((?:https?|mailto):[^>|\s]*)(?:\|([^>]*))?>/, (m) =>
    link(unescaped(m[1]), unescaped(m[2] || m[1]))],
  [ADDRESS, (m) => link(unescaped(m[0]), unescaped(m[0]))],
  [/^\*(?=\S)([^*\n]*[^*\s])\*(?![\w*])/, (m, names) => h("strong", {}, ...inline(m[1], names))],
  [/^_(?=\S)([^_\n]*[^_\s])_(?!\w)/, (m, names) => h("em", {}, ...inline(m[1], names))],
  [/^~(?=\S)([^~\n]*[^~\s])~(?!\w)/, (m, names) => h("s", {}, ...inline(m[1], names))],
  [/^:([a-z0-9_+-]+):/, (m) => (EMOJI[m[1]] ? emoji(m[1]) : m[0])],
  [/^&(?:amp|lt|gt);/, (m) => ENTITIES[m[0]]],
];
// An address, too, does not begin within a word.
const NEEDS_BOUNDARY = "*_~h";

function mention(target, label, names) {
  const sign = target[0];
  const id = target.slice(1);
  if (sign === "@") return tag(`@${names.user(id) ?? label ?? id}`, names.isMe(id));
  if (sign === "#") return channelLink(id, names.channel(id) ?? label ?? id);
  if (id.startsWith("subteam^")) {
    const group = names.group(id.slice("subteam^".length));
    return tag(`@${group?.handle ?? label ?? "group"}`, group?.isMine);
  }
  if (id.startsWith("date^")) {
    const [, stamp, format] = id.split("^");
    return h("time", {}, slackDate(stamp, unescaped(format ?? ""), unescaped(label ?? "")));
  }
  return tag(`@${label ?? id}`, true);
}

function tag(text, isMine) {
  return h("span", { class: isMine ? "mention mine" : "mention" }, unescaped(text));
}

function channelLink(id, name) {
  return h("a", { class: "mention", href: `#${encodeURIComponent(id)}` }, `#${unescaped(name)}`);
}

export function inline(text, names) {
  const nodes = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const found = match(text, at);
    if (!found) {
      plain += text[at];
      at += 1;
      continue;
    }
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(found.rule(found.match, names));
    at += found.match[0].length;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function match(text, at) {
  const isInsideWord = at > 0 && /[\w*_~]/.test(text[at - 1]);
  if (NEEDS_BOUNDARY.includes(text[at]) && isInsideWord) return null;
  const rest = text.slice(at);
  for (const [pattern, rule] of INLINE) {
    const found = pattern.exec(rest);
    if (found) return { match: found, rule };
  }
  return null;
}

// Splits into quotes and other lines; preformatted text may span lines and stays whole.
export function mrkdwn(text, names) {
  const box = h("div", { class: "text" });
  for (const part of text.split(/(```[\s\S]+?```)/)) {
    if (part.startsWith("```")) box.append(...inline(part, names));
    else if (part.trim()) appendLines(box, part.replace(/^\n|\n$/g, ""), names);
  }
  return box;
}

function appendLines(box, text, names) {
  let quote = null;
  for (const line of text.split("\n")) {
    const quoted = /^(?:&gt;|>)\s?(.*)$/.exec(line);
    if (quoted && !quote) {
      quote = h("blockquote");
      box.append(quote);
    }
    if (!quoted) quote = null;
    const nodes = inline(quoted ? quoted[1] : line, names);
    (quote ?? box).append(h("div", { class: "line" }, ...nodes));
  }
}

const DATES = {
  date: { year: "numeric", month: "long", day: "numeric" },
  date_num: null,
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  day_divider_pretty: { weekday: "long", month: "long", day: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

// `{date_short} at {time}` in the reader's own zone; the fallback where there is no such time.
export function slackDate(stamp, format, fallback) {
  const date = new Date(Number(stamp) * 1000);
  if (Number.isNaN(date.getTime())) return fallback || String(stamp);
  return format.replace(/\{(\w+?)(?:_pretty)?\}/g, (whole, name) => {
    if (name === "date_num") return date.toISOString().slice(0, 10);
    if (name === "ago") return date.toLocaleString();
    return Object.hasOwn(DATES, name) ? date.toLocaleString([], DATES[name]) : whole;
  }) || fallback;
}

export function textObject(node, names) {
  if (!node) return null;
  if (typeof node === "string") return h("span", { class: "plain" }, node);
  if (node.type === "mrkdwn") return mrkdwn(String(node.text ?? ""), names);
  return h("span", { class: "plain" }, plain(node));
}

export function plain(node) {
  const text = unescaped(String(node?.text ?? ""));
  if (node?.emoji === false) return text;
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}

const MARKDOWN = [
  [/^```\w*\n?([\s\S]+?)```/, (m) => h("pre", {}, m[1])],
  [/^`([^`\n]+)`/, (m) => h("code", {}, m[1])],
  [/^\*\*(\S[^*\n]*)\*\*/, (m, names) => h("strong", {}, ...markdownInline(m[1], names))],
  [/^[*_](\S[^*_\n]*)[*_](?!\w)/, (m, names) => h("em", {}, ...markdownInline(m[1], names))],
  [/^~~(\S[^~\n]*)~~/, (m, names) => h("s", {}, ...markdownInline(m[1], names))],
  [/^\[([^\]\n]+)\]\(([^)\s]+)\)/, (m) => link(m[2], m[1])],
  [/^<([@#!][^>|\s]*)(?:\|([^>]*))?>/, (m, names) => mention(m[1], m[2], names)],
  [ADDRESS, (m) => link(m[0], m[0])],
  [/^:([a-z0-9_+-]+):/, (m) => (EMOJI[m[1]] ? emoji(m[1]) : m[0])],
];

function markdownInline(text, names) {
  const nodes = [];
  let at = 0;
  let plainText = "";
  while (at < text.length) {
    const rest = text.slice(at);
    const isWord = at > 0 && /\w/.test(text[at - 1]) && "*_h".includes(text[at]);
    const rule = isWord ? null : MARKDOWN.find(([pattern]) => pattern.test(rest));
    if (!rule) {
      plainText += text[at];
      at += 1;
      continue;
    }
    const found = rule[0].exec(rest);
    if (plainText) nodes.push(plainText);
    plainText = "";
    nodes.push(rule[1](found, names));
    at += found[0].length;
  }
  if (plainText) nodes.push(plainText);
  return nodes;
}

// Paragraphs, lists, quotes, tables and code; inside of them, MARKDOWN.
export function markdown(text, names) {
  const box = h("div", { class: "text markdown" });
  for (const part of text.split(/(```[\s\S]*?(?:```|$))/)) {
    if (part.startsWith("```")) {
      box.append(h("pre", {}, part.replace(/^```\w*\n?/, "").replace(/\n?```$/, "")));
    } else {
      for (const paragraph of part.split(/\n\s*\n/)) appendParagraph(box, paragraph, names);
    }
  }
  return box;
}

function appendParagraph(box, paragraph, names) {
  const lines = paragraph.split("\n").filter((line) => line.trim());
  if (!lines.length) return;
  if (lines.length > 1 && lines[0].includes("|") && /^[\s|:-]+$/.test(lines[1])) {
    box.append(markdownTable(lines, names));
    return;
  }
  box.append(h("div", { class: "paragraph" }, lines.map((line) => markdownLine(line, names))));
}

function markdownTable([head, marks, ...rows], names) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const sides = cells(marks).map((mark) =>
    (!mark.endsWith(":") ? null : mark.startsWith(":") ? "align-center" : "align-right"));
  const row = (line, tag) => h("tr", {}, cells(line).map((cell, index) =>
    h(tag, { class: sides[index] }, ...markdownInline(cell, names))));
  return h("div", { class: "table" }, h("table", {}, h("thead", {}, row(head, "th")),
    h("tbody", {}, rows.map((line) => row(line, "td")))));
}

function markdownLine(line, names) {
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) return h("div", { class: "heading" }, ...markdownInline(heading[2], names));
  if (/^\s*([-*_]\s*){3,}$/.test(line)) return h("hr");
  const task = /^\s*[-*]\s+\[([ x])\]\s+(.*)$/i.exec(line);
  if (task) return listed(task[1] === " " ? "☐" : "☑", task[2], line, names);
  const item = /^\s*([-*]|\d+\.)\s+(.*)$/.exec(line);
  if (item) return listed(/\d/.test(item[1]) ? item[1] : "•", item[2], line, names);
  const quote = /^>\s?(.*)$/.exec(line);
  if (quote) return h("blockquote", {}, ...markdownInline(quote[1], names));
  return h("div", { class: "line" }, ...markdownInline(line, names));
}

function listed(mark, text, line, names) {
  const depth = Math.min(4, Math.floor(/^\s*/.exec(line)[0].length / 2));
  return h("div", { class: `item indent-${depth}` }, h("span", { class: "item-mark" }, mark),
    h("span", {}, ...markdownInline(text, names)));
}
