// A scrolling list of messages, drawn again only where they changed.

import { day, h, icon } from "./dom.js";
import { draw, moveFocus } from "./messages.js";
import { names, store } from "./store.js";

const NEAR_END_PX = 120;
const NEAR_START_PX = 400;
const GROUP_S = 300;

function continues(message, before) {
  return Boolean(before) && before.user === message.user && !before.reply_count
    && !before.is_ephemeral && !message.is_ephemeral && !message.bot_id
    && !message.subtype && before.subtype !== "tombstone"
    && Number(message.ts) - Number(before.ts) < GROUP_S && day(before.ts) === day(message.ts);
}

// A parent is marked in the channel, a reply in its thread.
function isMarked(message, isThread) {
  const isParent = store.highlight === store.thread;
  return store.highlight === message.ts && isParent !== isThread;
}

export class MessageList {
  // `empty()` is what is shown where there is nothing; `start()` what stands above the first.
  constructor({ label, openThread = null, empty = () => null, start = () => null }) {
    this.options = { openThread, empty, start };
    this.list = h("div", { class: "list", tabindex: "0", role: "log", "aria-label": label });
    this.jump = h("button", { type: "button", class: "jump", hidden: true,
      onclick: () => this.toNewest() });
    this.node = h("div", { class: "list-frame" }, this.list, this.jump);
    this.drawn = new Map();
    this.missed = 0;
    this.isForMe = false;
    this.isFollowing = true;
    this.list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.list.addEventListener("keydown", (event) => moveFocus(this.list, event));
    // Whoever reads the end stays there when a picture arrives, or a phone's keyboard opens.
    const follow = () => { if (this.isFollowing) this.list.scrollTop = this.list.scrollHeight; };
    this.list.addEventListener("load", follow, true);
    new ResizeObserver(follow).observe(this.list);
  }

  // Draws what is loaded; stays where the reader is, unless that is the end.
  show(history, { toStart = false } = {}) {
    const isFirst = this.history !== history;
    const stays = !isFirst && !this.#isAtEnd();
    const before = this.newest;
    this.history = history;
    this.newest = history.messages.at(-1)?.ts ?? "";
    this.#keepingFocus(() => (stays ? this.#anchored(() => this.#draw()) : this.#draw()));
    if (stays && before) {
      const fresh = history.messages.filter((message) => message.ts > before);
      this.missed += fresh.length;
      this.isForMe ||= fresh.some((message) => message.is_ephemeral);
    } else if (!stays) {
      this.#read();
      this.list.scrollTop = toStart ? 0 : this.list.scrollHeight;
    }
    this.isFollowing = !toStart && this.#isAtEnd();
    this.#showJump();
  }

  #read() {
    this.missed = 0;
    this.isForMe = false;
  }

  async toNewest() {
    if (this.history.hasAfter) await this.history.load();
    this.#draw();
    this.#read();
    this.list.scrollTop = this.list.scrollHeight;
    this.isFollowing = true;
    this.#showJump();
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    return !this.history?.hasAfter && scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #showJump() {
    const isNeeded = this.history.hasAfter || (this.missed > 0 && !this.#isAtEnd());
    this.jump.hidden = !isNeeded;
    if (!isNeeded) return;
    const count = this.missed === 1 ? "1 new message" : `${this.missed} new messages`;
    // The answer to a click often is one that only its person sees, out of their sight.
    const words = this.isForMe ? `${count}, ${this.missed === 1 ? "" : "one "}for you alone` : count;
    this.jump.replaceChildren(icon("down"), this.missed ? words : "Jump to the newest");
  }

  async #scrolled() {
    const { history, list } = this;
    if (!history) return;
    this.isFollowing = this.#isAtEnd();
    if (this.isFollowing) this.#read();
    this.#showJump();
    const rest = list.scrollHeight - list.scrollTop - list.clientHeight;
    const isMoved = (list.scrollTop < NEAR_START_PX && await history.older())
      || (rest < NEAR_START_PX && await history.newer());
    if (isMoved && history === this.history) this.#anchored(() => this.#draw());
  }

  // What was drawn stays under the reader's eye, whatever comes or goes above it.
  #anchored(work) {
    const top = this.list.getBoundingClientRect().top;
    const anchor = [...this.list.children].find((node) =>
      node.dataset.ts && node.getBoundingClientRect().bottom > top);
    const was = anchor?.getBoundingClientRect().top;
    work();
    const now = anchor && this.list.querySelector(`:scope > [data-ts="${anchor.dataset.ts}"]`);
    if (now) this.list.scrollTop += now.getBoundingClientRect().top - was;
  }

  // A button that is drawn anew keeps the focus that its predecessor had.
  #keepingFocus(work) {
    const held = this.list.contains(document.activeElement) ? document.activeElement : null;
    const ts = held?.closest("article")?.dataset.ts;
    const key = held?.dataset.key;
    work();
    if (!ts || this.list.contains(document.activeElement)) return;
    const article = this.list.querySelector(`:scope > [data-ts="${ts}"]`);
    const again = key && [...(article?.querySelectorAll("[data-key]") ?? [])]
      .find((node) => node.dataset.key === key);
    (again || article)?.focus({ preventScroll: true });
  }

  #draw() {
    const { history } = this;
    const fresh = new Map();
    const nodes = [this.#above(fresh)];
    let before = null;
    for (const message of history.messages) {
      if (!before || day(before.ts) !== day(message.ts)) nodes.push(this.#dayLine(message, fresh));
      if (this.#isNew(message, before)) nodes.push(h("div", { class: "new-line" }, h("span", {}, "New")));
      nodes.push(this.#message(message, before, fresh));
      before = message;
    }
    this.drawn = fresh;
    if (!history.messages.length) nodes.push(history.isLoaded ? this.options.empty() : null);
    place(this.list, nodes.filter(Boolean));
  }

  // The line above what nobody here has read yet.
  #isNew(message, before) {
    const since = this.options.openThread ? store.newSince : null;
    return since !== null && message.user !== store.user && message.ts > since
      && Boolean(before) && before.ts <= since;
  }

  #above(fresh) {
    const { history } = this;
    if (history.error) return h("p", { class: "list-note", role: "alert" }, history.error);
    if (history.hasBefore || !history.isLoaded) {
      return h("p", { class: "list-note" }, "Loading …");
    }
    if (!history.messages.length) return null;
    const entry = this.drawn.get("start") ?? { node: this.options.start() };
    fresh.set("start", entry);
    return entry.node;
  }

  #message(message, before, fresh) {
    const { openThread } = this.options;
    const isContinued = continues(message, before);
    const session = openThread ? store.sessions[message.ts]?.status : null;
    const isHere = Boolean(openThread) && store.thread === message.ts;
    const marked = isMarked(message, !openThread);
    const key = [isContinued, session, store.user, marked, isHere, names.user(message.user)].join();
    const old = this.drawn.get(message.ts);
    const entry = old?.key === key && old.message === message ? old : {
      key, message, node: draw(message, { openThread, isContinued, isMarked: marked, isHere }),
    };
    fresh.set(message.ts, entry);
    return entry.node;
  }

  #dayLine(message, fresh) {
    const key = `day ${day(message.ts)}`;
    const line = () => h("div", { class: "day" }, h("span", {}, day(message.ts)));
    const entry = this.drawn.get(key) ?? { node: line() };
    fresh.set(key, entry);
    return entry.node;
  }
}

function place(list, nodes) {
  const wanted = new Set(nodes);
  [...list.children].filter((node) => !wanted.has(node)).forEach((node) => node.remove());
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
}
