// The middle: one channel, or the direct messages with the app and its home tab.

import { act } from "./api.js";
import { composer } from "./composer.js";
import { notice } from "./dialogs.js";
import { h, icon, iconButton, keepingFocus } from "./dom.js";
import { MessageList } from "./list.js";
import { renderHome } from "./modal.js";
import { currentChannel, store } from "./store.js";

export const DEFAULT_CHANNEL = "C0INCIDENTS";

export class ChannelPane {
  // `breakSomething` is what the playground's bar does, or null where there is none.
  constructor(box, { openList, openThread, breakSomething }) {
    Object.assign(this, { box, openList, openThread, breakSomething });
    this.tab = "messages";
  }

  open() {
    this.tab = "messages";
    this.#frame();
  }

  show() {
    if (this.tab === "messages" && this.list) this.list.show(store.history);
  }

  // Only where it is another one: what is typed or opened in it stays.
  showHome() {
    if (this.tab !== "home") return;
    const { home } = store.state;
    const version = JSON.stringify([store.user, home?.id, home?.hash]);
    if (this.homeVersion === version) return;
    this.homeVersion = version;
    const box = this.box.querySelector(".home");
    keepingFocus(box, () => box.replaceChildren(...renderHome(home)));
  }

  // A channel may be renamed, archived or joined while somebody reads it.
  showHead() {
    const head = this.box.querySelector(".pane-head");
    if (!head || !currentChannel() || this.headVersion === versionOf(currentChannel())) return;
    head.replaceWith(this.#head(currentChannel()));
  }

  #head(channel) {
    this.headVersion = versionOf(channel);
    const isApp = channel?.kind === "im";
    const sign = channel?.is_archived ? "archived" : channel?.kind === "group" ? "private" : "";
    return h("div", { class: "pane-head" },
      h("span", { class: "narrow-only" }, iconButton("menu", "Open list", this.openList)),
      h("h1", {}, titleOf(channel)),
      sign ? h("span", { class: "hint with-icon" }, icon("lock"), sign) : null,
      h("span", { class: "topic", title: channel?.topic ?? "" }, channel?.topic ?? ""),
      isApp ? this.#tabs() : h("span", { class: "members hint" }, `${channel?.members ?? 0} members`));
  }

  #frame() {
    const channel = currentChannel();
    const isApp = channel?.kind === "im";
    const title = titleOf(channel);
    const label = isApp ? `Message ${title}` : `Message #${channel?.name ?? ""}, or a /command`;
    const head = this.#head(channel);
    if (this.tab === "home") {
      this.list = null;
      this.homeVersion = null;
      this.box.replaceChildren(head, h("div", { class: "list", tabindex: "0" }, h("div", { class: "home" })));
      return;
    }
    this.list = new MessageList({ label: `Messages in ${title}`, openThread: this.openThread,
      empty: () => this.#empty(), start: () => beginning(channel, title) });
    this.box.replaceChildren(head, this.list.node, composer(label));
  }

  #tabs() {
    const choose = (name) => async () => {
      this.tab = name;
      this.#frame();
      this.box.querySelector(`[data-tab="${name}"]`)?.focus();
      if (name === "messages") {
        this.show();
        return;
      }
      this.showHome();
      const answer = await act("home", { user: store.user });
      if (!answer.ok) notice(answer.message);
    };
    return h("div", { class: "tabs" }, [["messages", "Messages"], ["home", "Home"]].map(([name, label]) =>
      h("button", { type: "button", class: "tab", "aria-pressed": String(this.tab === name), "data-tab": name,
        onclick: choose(name) }, label)));
  }

  #empty() {
    if (currentChannel()?.kind === "im") return conversation();
    const isQuietChannel = store.channel !== DEFAULT_CHANNEL;
    if (!this.breakSomething) {
      return h("div", { class: "empty-state" }, h("p", { class: "empty-title" }, "Nothing was said here yet."),
        h("p", {}, "Say something, or type / to see the commands."));
    }
    const incidents = () => h("a", { href: `#${DEFAULT_CHANNEL}` }, "#incidents");
    const skip = () => h("strong", {}, "+1 min");
    const { app, commands } = store.state;
    return h("div", { class: "empty-state" },
      h("p", { class: "empty-title when-whole" }, isQuietChannel ? "Nothing was said here yet." : "All quiet."),
      h("p", { class: "when-whole" }, "Press ", h("strong", {}, "Break something"), ", then look into ", incidents(), "."),
      h("button", { type: "button", class: "button danger when-whole", onclick: this.breakSomething }, "Break something"),
      h("p", { class: "hint when-whole" }, "A service will start to fail. Once that has lasted a while (",
        skip(), " skips the wait) the alert reaches ", app.name, ", and what it finds and wants to do appears there. ",
        "Act as Ana, Ben or Mia on the left to sign it off. Type / to see the commands."),
      h("p", { class: "empty-title when-broken" }, "Something is broken."),
      h("p", { class: "when-broken" }, "Once that has lasted a while, its alert reaches ", app.name, ": ", skip(),
        " at the top skips the wait. Then look into ", incidents(), "."),
      commands.length ? h("p", { class: "hint" }, "Commands: ", commands
        .flatMap((name) => [h("code", {}, name), " "])) : null);
  }
}

function versionOf(channel) {
  return JSON.stringify([channel?.id, channel?.name, channel?.topic, channel?.members, channel?.is_archived]);
}

function titleOf(channel) {
  return channel?.kind === "im" ? store.state.app.name : `# ${channel?.name ?? ""}`;
}

// The first words to an agent, one click each.
function conversation() {
  const { app, prompts } = store.state;
  const say = (text) => async () => {
    const answer = await act("say", { user: store.user, channel: store.channel, text });
    if (!answer.ok) notice(answer.message);
  };
  return h("div", { class: "empty-state" },
    h("p", { class: "empty-title" }, `Talk with ${app.name}.`),
    h("p", {}, prompts.length ? "Ask it something, or begin with:" : "Say something, or type / to see the commands."),
    prompts.map((prompt) => h("button", { type: "button", class: "button", onclick: say(prompt.message) }, prompt.title)));
}

function beginning(channel, title) {
  const words = channel?.kind === "im"
    ? `This is where you talk with ${title}, just the two of you.`
    : `This is where ${title.replace(" ", "")} begins.${channel?.topic ? ` ${channel.topic}.` : ""}`;
  return h("div", { class: "beginning" }, words);
}
