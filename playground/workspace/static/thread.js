// The right side: one thread, with the state of an agent's session and the button that stops it.

import { act } from "./api.js";
import { composer } from "./composer.js";
import { notice } from "./dialogs.js";
import { h, iconButton } from "./dom.js";
import { MessageList } from "./list.js";
import { sessionText, store } from "./store.js";

export class ThreadPane {
  constructor(box, { close }) {
    this.box = box;
    this.close = close;
    this.key = "";
    this.seen = new Set();
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
      this.box.replaceChildren();
      this.key = "";
      return false;
    }
    const key = [store.user, store.channel, store.thread].join(" ");
    const isNew = this.key !== key;
    if (isNew) this.#frame();
    this.key = key;
    this.#session();
    // What was never read is read from its start.
    const toStart = isNew && !this.seen.has(key) && store.highlight === store.thread;
    this.seen.add(key);
    this.list.show(history, { toStart });
    return true;
  }

  #frame() {
    this.list = new MessageList({ label: "Messages in this thread" });
    this.session = h("div", { class: "session-bar", hidden: true },
      h("span", { class: "dots", "aria-hidden": "true" }), h("span", { class: "session", role: "status" }),
      h("button", { type: "button", class: "button small stop", hidden: true, onclick: stop },
        h("span", { class: "stop-sign", "aria-hidden": "true" }), "Stop"));
    this.box.replaceChildren(
      h("div", { class: "pane-head" }, h("h1", {}, "Thread"),
        h("span", { class: "topic" }, `# ${store.state.channels.find((c) => c.id === store.channel)?.name ?? ""}`),
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

async function stop(event) {
  const button = event.currentTarget;
  button.disabled = true;
  const where = { channel: store.channel, thread_ts: store.thread };
  const answer = await act("stop", { user: store.user, ...where });
  button.disabled = false;
  if (!answer.ok) notice(answer.message);
}
