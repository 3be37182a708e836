// Behind the scenes: the log of API calls, faults to order, the shop and the ad platform.

import { h, iconButton } from "./dom.js";
import { Calls } from "./panelcalls.js";
import { FaultForms } from "./panelfaults.js";
import { Ads, Parts, Shop } from "./panelworld.js";

const POLL_MS = 1500;

export class Panel {
  constructor(box, { isWorld }) {
    this.box = box;
    this.tabs = [["Calls", new Calls()], ["Faults", new FaultForms()],
      ...(isWorld ? [["Shop", new Shop()], ["Ads", new Ads()], ["Parts", new Parts()]] : [])];
    this.here = 0;
    this.timer = null;
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.toggle();
    });
  }

  toggle() {
    this.box.hidden = !this.box.hidden;
    document.getElementById("layout").classList.toggle("has-panel", !this.box.hidden);
    clearInterval(this.timer);
    if (this.box.hidden) {
      this.opener?.focus();
      return;
    }
    this.opener = document.activeElement;
    document.getElementById("layout").classList.remove("list-open");
    this.#draw();
    this.box.querySelector('[role="tab"][aria-selected="true"]').focus();
    this.timer = setInterval(() => this.refresh(), POLL_MS);
  }

  refresh() {
    if (this.box.hidden || document.hidden) return;
    this.tabs[this.here][1].refresh();
  }

  #draw() {
    const [, part] = this.tabs[this.here];
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const move = (event) => {
      if (!steps[event.key]) return;
      event.preventDefault();
      this.#open((this.here + steps[event.key] + this.tabs.length) % this.tabs.length);
    };
    const tab = ([name], index) => h("button", { type: "button", class: "tab", role: "tab",
      id: `panel-tab-${index}`, "aria-controls": "panel-body", "aria-selected": String(index === this.here),
      tabindex: index === this.here ? "0" : "-1", onclick: () => this.#open(index) }, name);
    this.box.replaceChildren(
      h("div", { class: "pane-head" }, h("h1", {}, "Behind the scenes"), h("span", { class: "spacer" }),
        iconButton("close", "Close the panel", () => this.toggle())),
      h("div", { class: "tabs panel-tabs", role: "tablist", "aria-label": "Behind the scenes", onkeydown: move },
        this.tabs.map(tab)),
      h("div", { class: "panel-body", id: "panel-body", role: "tabpanel", tabindex: "0",
        "aria-labelledby": `panel-tab-${this.here}` }, part.node));
    part.refresh();
  }

  #open(index) {
    this.here = index;
    this.#draw();
    this.box.querySelector('[role="tab"][aria-selected="true"]').focus();
  }
}
