// Rich text: what Slack makes of what people type, and what agents write.

import { h, link } from "./dom.js";
import { emoji } from "./emoji.js";
import { slackDate } from "./mrkdwn.js";
import { raw } from "./raw.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code", highlight: "mark",
  client_highlight: "mark" };
// Pointers to something elsewhere that carry a text, an address, or both.
const POINTERS = ["attachment_mention", "canvas", "citation", "file", "list_record", "message_mention",
  "work_object_mention", "workflow_mention"];
const TAGS = ["gray", "brown", "purple", "indigo", "blue", "green", "yellow", "orange", "red"];
const LISTS = { __proto__: null, ordered: "ol", bullet: "ul" };

export function richText(block, surface) {
  return h("div", { class: "text rich" }, (block.elements ?? []).map((part) => piece(part, surface)));
}

function piece(part, surface) {
  const inside = () => (part.elements ?? []).map((item) => inline(item, surface));
  switch (part.type) {
    case "rich_text_section": return h("div", { class: "line" }, inside());
    case "rich_text_preformatted": return h("pre", {}, inside());
    case "rich_text_quote": return h("blockquote", {}, h("div", { class: "line" }, inside()));
    case "rich_text_list": {
      const indent = Math.min(8, Number(part.indent) || 0);
      return h(LISTS[part.style] ?? "ul", { class: `indent-${indent}`,
        start: part.offset ? String(Number(part.offset) + 1) : null },
      (part.elements ?? []).map((item) => h("li", {}, piece(item, surface))));
    }
    default: return raw(part);
  }
}

function inline(item, surface) {
  let node = bare(item, surface);
  for (const [style, tag] of Object.entries(STYLES)) {
    if (item.style?.[style]) node = h(tag, {}, node);
  }
  return node;
}

function mention(text, isMine = false) {
  return h("span", { class: isMine ? "mention mine" : "mention" }, text);
}

function pointer(item) {
  const text = item.text || item.url || item.file_id || item.channel_id || item.type;
  const here = item.type === "message_mention" && !item.url
    ? `${location.origin}/#${encodeURIComponent(item.channel_id)}/${encodeURIComponent(item.message_ts)}` : item.url;
  return here ? link(here, String(text)) : h("span", { class: "chip" }, String(text));
}

// An emoji that this page has no name for is sent with its code points.
function emojiOf(item) {
  const drawn = emoji(item.name);
  if (!drawn.startsWith(":") || !/^[0-9a-f]{2,5}(-[0-9a-f]{2,5})*$/i.test(item.unicode ?? "")) return drawn;
  return String.fromCodePoint(...item.unicode.split("-").map((code) => parseInt(code, 16)));
}

function bare(item, { names }) {
  if (POINTERS.includes(item.type)) return pointer(item);
  switch (item.type) {
    case "text": return h("span", {}, String(item.text ?? ""));
    case "link": return link(item.url ?? "", item.text || item.url || "");
    case "emoji": return h("span", { class: "emoji" }, emojiOf(item));
    case "canvas_user_mention":
    case "user": return mention(`@${names.user(item.user_id) ?? item.user_id}`, names.isMe(item.user_id));
    case "usergroup": {
      const group = names.group(item.usergroup_id);
      return mention(`@${group?.handle ?? item.usergroup_id}`, group?.isMine);
    }
    case "channel": return h("a", { class: "mention", href: `#${encodeURIComponent(item.channel_id)}` },
      `#${names.channel(item.channel_id) ?? item.channel_id}`);
    case "broadcast": return mention(`@${item.range}`, true);
    case "date": {
      const when = h("time", {}, slackDate(item.timestamp, item.format ?? "", item.fallback));
      return item.url ? link(item.url, when) : when;
    }
    case "tag": return h("span", { class: `chip tag-${TAGS.includes(item.color) ? item.color : "gray"}` },
      String(item.text ?? ""));
    case "team": return mention(`@${item.team_id}`);
    case "color": return h("code", {}, String(item.value ?? ""));
    default: return raw(item);
  }
}
