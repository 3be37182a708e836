// The left side: who I am, the channels, the direct messages with the app.

import { h, icon, iconButton, keepingFocus } from "./dom.js";
import { avatar } from "./messages.js";
import { names, store } from "./store.js";
import { themeSwitch } from "./theme.js";

// The channel that was last brought into view among many.
let shown = null;

export function renderSidebar(box, { switchTo, close, togglePanel }) {
  const { state } = store;
  const top = box.querySelector(".side-lists")?.scrollTop ?? 0;
  const dms = state.channels.filter((channel) => channel.kind === "im");
  const others = state.channels.filter((channel) => channel.kind !== "im");
  keepingFocus(box, () => box.replaceChildren(
    h("div", { class: "workspace-name" }, h("span", { class: "cut" }, state.team.name),
      h("span", { class: "narrow-only" }, iconButton("close", "Close list", close))),
    who(switchTo),
    h("div", { class: "side-lists" },
      h("h2", { id: "side-channels" }, "Channels"),
      h("ul", { "aria-labelledby": "side-channels" }, others.map((channel) =>
        entry(channel, icon(channel.kind === "group" ? "lock" : "hash"),
          channel.kind === "group" ? `${channel.name} (private)` : channel.name))),
      h("h2", { id: "side-apps" }, "Apps"),
      h("ul", { "aria-labelledby": "side-apps" }, dms.map((channel) =>
        entry(channel, avatar(state.app.user_id, true), state.app.name)))),
    h("div", { class: "side-foot" },
      h("p", { class: state.is_bot_connected ? "bot-state on" : "bot-state" },
        `${state.app.name} is ${state.is_bot_connected ? "connected" : "not connected"}`),
      h("button", { type: "button", class: "side-button", "data-key": "panel", onclick: togglePanel },
        icon("tools"), "Behind the scenes"),
      themeSwitch())));
  const lists = box.querySelector(".side-lists");
  lists.scrollTop = top;
  if (shown !== store.channel) lists.querySelector(".here")?.scrollIntoView({ block: "nearest" });
  shown = store.channel;
}

function who(switchTo) {
  const people = names.people();
  const mine = store.state.usergroups.filter((group) => group.users.includes(store.user));
  const step = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const here = people.findIndex((user) => user.id === store.user);
    switchTo(people[(here + by + people.length) % people.length].id);
  };
  return h("div", { class: "who" },
    h("span", { class: "who-label", id: "who-label" }, "You act as"),
    h("div", { class: "who-switch", role: "radiogroup", "aria-labelledby": "who-label", onkeydown: step },
      people.map((user) => person(user, switchTo))),
    h("div", { class: "who-groups" }, mine.length
      ? `in ${mine.map((group) => `@${group.handle}`).join(", ")}` : "in no group"));
}

function person(user, switchTo) {
  const isMe = user.id === store.user;
  return h("button", { type: "button", role: "radio", "aria-checked": String(isMe),
    tabindex: isMe ? "0" : "-1", title: user.real_name, "data-key": `person ${user.id}`,
    class: isMe ? "who-person chosen" : "who-person", onclick: () => switchTo(user.id) },
  avatar(user.id, false), h("span", { class: "cut" }, user.real_name));
}

function entry(channel, sign, label) {
  const isHere = channel.id === store.channel;
  const seen = store.read.get(`${store.user} ${channel.id}`) ?? "0";
  const isUnread = !isHere && channel.last_ts !== null && Number(channel.last_ts) > Number(seen);
  const classes = ["entry", isHere ? "here" : "", isUnread ? "unread" : ""].join(" ");
  return h("li", {}, h("a", { href: `#${channel.id}`, class: classes, "data-key": `channel ${channel.id}`,
    "aria-current": isHere ? "page" : null },
  h("span", { class: "sign", "aria-hidden": "true" }, sign), h("span", { class: "cut" }, label),
  isUnread ? h("span", { class: "dot", title: "unread", role: "img", "aria-label": "unread" }) : null));
}
