// The left side: who I am, the channels, the direct messages with the app.

import { h } from "./dom.js";
import { names, store } from "./store.js";

export function renderSidebar(box, { switchTo, close }) {
  const { state } = store;
  const people = names.people();
  const mine = state.usergroups.filter((group) => group.users.includes(store.user));
  const dms = state.channels.filter((channel) => channel.kind === "im");
  const others = state.channels.filter((channel) => channel.kind !== "im");
  box.replaceChildren(
    h("div", { class: "workspace-name" }, state.team.name,
      h("button", { type: "button", class: "plain-button narrow-only", "aria-label": "Close list",
        onclick: close }, "×")),
    h("div", { class: "who" },
      h("span", { class: "who-label", id: "who-label" }, "You act as"),
      h("div", { class: "who-switch", role: "radiogroup", "aria-labelledby": "who-label" },
        people.map((user) => person(user, switchTo))),
      h("div", { class: "who-groups" }, mine.length
        ? `in ${mine.map((group) => `@${group.handle}`).join(", ")}` : "in no group")),
    h("h2", {}, "Channels"),
    h("ul", {}, others.map((channel) => entry(channel, "#", channel.kind === "group" ? `${channel.name} (private)` : channel.name))),
    h("h2", {}, "Apps"),
    h("ul", {}, dms.map((channel) => entry(channel, "✓", state.app.name))),
    h("p", { class: state.is_bot_connected ? "bot-state on" : "bot-state" },
      state.is_bot_connected ? `${state.app.name} is connected` : `${state.app.name} is not connected`));
}

function person(user, switchTo) {
  const isMe = user.id === store.user;
  return h("button", { type: "button", role: "radio", "aria-checked": String(isMe),
    class: isMe ? "who-person chosen" : "who-person", onclick: () => switchTo(user.id) },
  user.real_name);
}

function entry(channel, sign, label) {
  const isHere = channel.id === store.channel;
  const seen = store.read.get(`${store.user} ${channel.id}`) ?? "0";
  const isUnread = !isHere && channel.last_ts !== null && Number(channel.last_ts) > Number(seen);
  const classes = ["entry", isHere ? "here" : "", isUnread ? "unread" : ""].join(" ");
  return h("li", {}, h("a", { href: `#${channel.id}`, class: classes,
    "aria-current": isHere ? "page" : null },
  h("span", { class: "sign", "aria-hidden": "true" }, sign), label,
  isUnread ? h("span", { class: "dot", title: "unread" }) : null));
}
