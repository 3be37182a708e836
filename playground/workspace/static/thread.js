// The right side: one thread, with the state of an agent's session and the button that stops it.

import { act } from "./api.js";
import { composer } from "./composer.js";
import { notice } from "./dialogs.js";
import { h, iconButton } from "./dom.js";
import { MessageList } from "./list.js";
import { currentChannel, sessionText, store } from "./store.js";

export class ThreadPane {
  constructor(box, { close }) {
    this.box = box;
    this.close = close;
    this.key = "";
    this.seen = new Set();
    this.root = null;
    this.isAsked = false;
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) close();
    });
  }

  hasShown(ts) {
    return this.seen.has([store.user, store.channel, ts].join(" "));
  }

  // Says whether there is a thread to show.
  show() {
    const history = store.replies;
    const isThere = Boolean(history?.messages.length);
    this.box.hidden = !isThere;
    if (!isThere) {
      const hadFocus = this.box.contains(document.activeElement);
      this.box.replaceChildren();
      // In a narrow window the channel is shown only after this.
      if (hadFocus) queueMicrotask(() => focusRoot(this.root));
      this.key = "";
      return false;
    }
    const key = [store.user, store.channel, store.thread].join(" ");
    const isNew = this.key !== key;
    if (isNew) this.#frame();
    this.key = key;
    this.root = store.thread;
    this.#session();
    // What was never read is read from its start.
    const toStart = isNew && !this.seen.has(key) && store.highlight === store.thread;
    this.seen.add(key);
    this.list.show(history, { toStart });
    if (this.isAsked) this.list.list.focus({ preventScroll: true });
    this.isAsked = false;
    return true;
  }

  // Whoever opens a thread goes on reading in it: a narrow window hides where they came from.
  open(ts) {
    this.isAsked = true;
    const address = `#${store.channel}/${ts}`;
    if (location.hash === address) this.show();
    else location.hash = address;
  }

  #frame() {
    this.list = new MessageList({ label: "Messages in this thread" });
    this.session = h("div", { class: "session-bar", hidden: true },
      h("span", { class: "dots", "aria-hidden": "true" }), h("span", { class: "session", role: "status" }),
      h("button", { type: "button", class: "button small stop", hidden: true, onclick: stop },
        h("span", { class: "stop-sign", "aria-hidden": "true" }), "Stop"));
    this.box.replaceChildren(
      h("div", { class: "pane-head" }, h("h1", {}, "Thread"),
        h("span", { class: "topic" }, place()),
        h("span", { class: "spacer" }), iconButton("close", "Close thread", this.close)),
      this.list.node, this.session, composer("Reply in the thread", store.thread));
  }

  #session() {
    const session = store.sessions[store.thread];
    const text = sessionText(session);
    const isWorking = session?.status === "processing";
    this.session.hidden = !text;
    this.session.classList.toggle("working", isWorking);
    const label = this.session.querySelector(".session");
    if (label.textContent !== text) label.textContent = text;
    this.session.querySelector(".stop").hidden = !isWorking;
  }
}

function place() {
  const channel = currentChannel();
  return channel?.kind === "im" ? store.state.app.name : `# ${channel?.name ?? ""}`;
}

function focusRoot(ts) {
  const root = document.querySelector(`#channel article[data-ts="${ts}"]`);
  (root?.querySelector('[data-key="thread"]') ?? root)?.focus({ preventScroll: true });
}

async function stop(event) {
  const button = event.currentTarget;
  button.disabled = true;
  const where = { channel: store.channel, thread_ts: store.thread };
  const answer = await act("stop", { user: store.user, ...where });
  button.disabled = false;
  if (answer.ok) notice(`${store.state.app.name} was asked to stop.`, "info");
  else notice(answer.message);
}
