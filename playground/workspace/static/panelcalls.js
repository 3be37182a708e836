// The log of Web API calls: what the app asked for, and what it was told.

import { look } from "./api.js";
import { h } from "./dom.js";
import { json } from "./raw.js";

const KEPT = 300;

export class Calls {
  constructor() {
    this.next = null;
    this.wanted = "";
    this.list = h("ol", { class: "calls", reversed: true });
    this.note = h("p", { class: "hint" }, "No call yet. Each one that the app makes appears here.");
    const find = h("input", { type: "search", placeholder: "Filter by method, or “error”",
      "aria-label": "Filter the calls", oninput: () => {
        this.wanted = find.value.trim().toLowerCase();
        for (const node of this.list.children) this.#sift(node);
      } });
    this.node = h("div", {}, find, this.note, this.list);
  }

  async refresh() {
    const answer = await look("calls", this.next === null ? {} : { since: this.next });
    if (!answer.ok) {
      this.note.hidden = false;
      this.note.textContent = answer.message ?? "The calls could not be loaded.";
      return;
    }
    // A workspace that was started anew counts from the beginning.
    if (this.next !== null && answer.total < this.next) this.list.replaceChildren();
    this.next = answer.next ?? answer.total;
    for (const call of answer.calls) this.list.prepend(this.#line(call));
    while (this.list.children.length > KEPT) this.list.lastChild.remove();
    this.note.hidden = this.list.children.length > 0;
  }

  #sift(node) {
    node.hidden = Boolean(this.wanted) && !node.dataset.words.includes(this.wanted);
  }

  #line(call) {
    const isFine = call.answer?.ok === true;
    const verdict = isFine ? "ok" : call.answer?.error ?? "error";
    const at = new Date(call.at);
    const where = call.args?.channel ?? call.args?.channel_id ?? call.args?.user ?? "";
    const node = h("li", { "data-words": `${call.method} ${verdict} ${isFine ? "" : "error"}`.toLowerCase() },
      h("details", {},
        h("summary", {}, h("time", { class: "hint" }, at.toISOString().slice(11, 19)),
          h("code", { class: "cut" }, call.method), h("span", { class: "hint cut" }, String(where)),
          h("span", { class: isFine ? "verdict fine" : "verdict wrong" }, verdict)),
        h("h3", {}, "Arguments"), json(call.args), h("h3", {}, "Answer"), json(call.answer)));
    this.#sift(node);
    return node;
  }
}
