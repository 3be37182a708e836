// Faults of Slack that can be ordered: one form each, and what is ordered now.

import { act, look } from "./api.js";
import { notice } from "./dialogs.js";
import { h } from "./dom.js";

export class FaultForms {
  constructor() {
    this.ordered = h("div", { class: "ordered", "aria-live": "polite" });
    this.forms = h("div", { class: "fault-forms" });
    const clear = h("button", { type: "button", class: "button small clear-faults",
      onclick: () => this.#send("faults/clear", {}) }, "Take all faults back");
    this.node = h("div", {}, this.ordered, clear, this.forms);
  }

  async refresh() {
    this.#show(await look("faults"));
  }

  #show(answer) {
    if (!answer.ok) {
      this.ordered.replaceChildren(h("p", { class: "hint" }, answer.message
        ?? "The faults could not be loaded. This workspace may not offer them."));
      return;
    }
    const sockets = answer.sockets === 1 ? "1 connection" : `${answer.sockets ?? 0} connections`;
    const state = [answer.is_away ? "Slack is away" : "", answer.is_link_disabled ? "Socket Mode is off" : "",
      answer.transport === "http" ? "the app is reached by HTTP" : sockets].filter(Boolean).join(" · ");
    const version = JSON.stringify([state, answer.ordered]);
    if (this.version !== version) this.#showOrdered(state, answer.ordered ?? []);
    this.version = version;
    // The forms never change while the workspace runs; drawing them anew would lose what is typed.
    if (!this.forms.children.length) this.forms.replaceChildren(...(answer.known ?? []).map((fault) => this.#form(fault)));
  }

  #showOrdered(state, ordered) {
    const chip = ({ fault, ...rest }) => h("li", { class: "chip" }, h("strong", {}, fault), " ",
      Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", "));
    this.ordered.replaceChildren(
      h("p", { class: "hint" }, state),
      ordered.length ? h("ul", { class: "chips" }, ordered.map(chip))
        : h("p", {}, "Nothing is out of order."));
  }

  #form({ fault, about, fields = {} }) {
    const inputs = Object.entries(fields).map(([name, value]) => [name, value, h("input", {
      type: typeof value === "number" ? "number" : "text", value: String(value), step: "any",
      "aria-label": `${fault}: ${name}` })]);
    const submit = (event) => {
      event.preventDefault();
      const typed = inputs.map(([name, value, input]) =>
        [name, typeof value === "number" ? Number(input.value) : input.value]);
      this.#send("faults", { fault, ...Object.fromEntries(typed) });
    };
    return h("form", { class: "fault-form", onsubmit: submit },
      h("div", { class: "fault-head" }, h("strong", {}, fault.replaceAll("_", " ")),
        h("button", { type: "submit", class: "button small", "aria-label": `Order ${fault}` }, "Order")),
      h("p", { class: "hint" }, about ?? ""),
      inputs.length ? h("div", { class: "fault-fields" }, inputs.map(([name, , input]) =>
        h("label", {}, h("span", { class: "hint" }, name.replaceAll("_", " ")), input))) : null);
  }

  async #send(path, body) {
    const answer = await act(path, body);
    if (!answer.ok) notice(answer.message);
    else this.#show(answer);
  }
}
