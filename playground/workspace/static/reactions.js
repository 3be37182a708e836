// Reactions below a message, and where one is picked.

import { act } from "./api.js";
import { notice } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { EMOJI, emoji } from "./emoji.js";
import { names, store } from "./store.js";

const OFTEN = ["+1", "eyes", "white_check_mark", "tada", "heart", "pray", "fire", "thinking_face"];

async function react(message, name, isBack) {
  const answer = await act("react", { user: store.user, channel: store.channel, ts: message.ts,
    name, is_back: isBack });
  if (!answer.ok) notice(answer.message ?? "The reaction was not taken. Try again.");
}

function spoken(name) {
  return name.replaceAll("_", " ");
}

export function renderReactions(message) {
  const all = message.reactions ?? [];
  if (!all.length) return null;
  return h("div", { class: "reactions" }, all.map((reaction) => {
    const users = reaction.users ?? [];
    const isMine = users.includes(store.user);
    const who = users.map((user) => names.user(user) ?? user).join(", ");
    return h("button", { type: "button", class: "reaction", "aria-pressed": String(isMine),
      "data-key": `reaction ${reaction.name}`,
      title: `${who} reacted with :${reaction.name}:`,
      "aria-label": `${spoken(reaction.name)}, ${reaction.count}, by ${who}`,
      onclick: () => react(message, reaction.name, isMine) },
    h("span", { class: "emoji" }, emoji(reaction.name)), h("span", {}, String(reaction.count)));
  }), h("button", { type: "button", class: "reaction add", "aria-label": "Add another reaction",
    "data-key": "reaction add", onclick: (event) => pickReaction(event.currentTarget, message) },
  icon("smile")));
}

function matching(text) {
  const wanted = text.trim().toLowerCase().replaceAll(":", "");
  if (wanted) return Object.keys(EMOJI).filter((name) => name.includes(wanted));
  return [...OFTEN, ...Object.keys(EMOJI).filter((name) => !OFTEN.includes(name))];
}

// A popover closes on Escape and on a click beside it, by itself.
export function pickReaction(opener, message) {
  const box = document.getElementById("picker");
  const choices = h("div", { class: "picker-grid" });
  const choose = (name) => {
    box.hidePopover();
    const mine = (message.reactions ?? []).some((reaction) =>
      reaction.name === name && reaction.users.includes(store.user));
    react(message, name, mine);
  };
  const fill = (text) => {
    const found = matching(text);
    choices.replaceChildren(...found.map((name) => h("button", { type: "button", class: "pick",
      title: `:${name}:`, "aria-label": spoken(name), onclick: () => choose(name) }, emoji(name))));
    if (!found.length) choices.replaceChildren(h("p", { class: "hint" }, "No emoji has this name."));
  };
  const search = h("input", { type: "search", placeholder: "Find an emoji", "aria-label": "Find an emoji",
    oninput: () => fill(search.value),
    onkeydown: (event) => {
      const first = choices.querySelector("button");
      if (event.key === "Enter" && first) first.click();
    } });
  box.replaceChildren(search, choices);
  fill("");
  box.showPopover();
  beside(box, opener);
  search.focus();
}

function beside(box, opener) {
  const at = opener.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.right - width, innerWidth - width - 8));
  const isBelow = at.bottom + height + 8 < innerHeight;
  box.style.left = `${left}px`;
  box.style.top = `${Math.max(8, isBelow ? at.bottom + 4 : at.top - height - 4)}px`;
}
