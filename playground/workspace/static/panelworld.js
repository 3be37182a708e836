// The shop, the ad platform, and the parts in between: what is there, what is broken, by hand.

import { get, post } from "./api.js";
import { notice } from "./dialogs.js";
import { clock, h } from "./dom.js";

const FLOWS = { open: "works", refusing: "answers 503", forbidding: "answers 403", silent: "does not answer",
  losing: "loses its answers" };
const PARTS = { shop: "Shop", prometheus: "Prometheus", alertmanager: "Alertmanager", ads: "Ad platform" };

// One view of the world; drawn anew only where something changed.
class View {
  constructor() {
    this.node = h("div", { class: "world" }, h("p", { class: "hint" }, "Loading …"));
  }

  async refresh() {
    this.show(await get("/world/panel"));
  }

  show(found) {
    if (!found.ok) {
      this.version = null;
      this.node.replaceChildren(h("p", { class: "hint" }, found.message ?? "The world does not answer."));
      return;
    }
    const parts = this.parts(found);
    const version = JSON.stringify(parts.map(([, data]) => data));
    if (version === this.version) return;
    this.version = version;
    const held = this.node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.node.replaceChildren(...parts.flatMap(([draw, data]) => draw(data)));
    if (held) [...this.node.querySelectorAll("[data-key]")].find((n) => n.dataset.key === held)?.focus();
  }

  order(what, body) {
    return async (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      const answer = await post(`/world/panel/${what}`, typeof body === "function" ? body(button) : body);
      button.disabled = false;
      if (answer.ok) this.show(answer);
      else notice(answer.message);
    };
  }

  button(label, key, what, body, style = "") {
    return h("button", { type: "button", class: `button small ${style}`, "data-key": key,
      onclick: this.order(what, body) }, label);
  }
}

function none(words) {
  return h("p", { class: "hint" }, words);
}

export class Shop extends View {
  parts({ services, deploys, effects }) {
    return [[(all) => this.#services(all), services], [(all) => this.#effects(all), effects],
      [(all) => this.#deploys(all), deploys]];
  }

  #services(services) {
    const line = (one) => {
      const key = `${one.service} ${one.environment}`;
      const body = { service: one.service, environment: one.environment };
      return h("li", { class: one.is_broken ? "service broken" : "service" },
        h("span", { class: "state", role: "img", "aria-label": one.is_broken ? "broken" : "healthy" }),
        h("span", { class: "service-text" }, h("strong", {}, one.service), " ", h("code", {}, one.version),
          h("span", { class: "hint" }, `${(100 * one.error_ratio).toFixed(1)} % of requests fail`),
          one.is_broken ? h("span", { class: "hint" }, one.message) : null),
        one.is_broken ? this.button(`Back to ${one.previous_version}`, key, "mend", body, "primary")
          : this.button("Break", key, "break", body, "danger"));
    };
    return ["staging", "production"].flatMap((environment) => [h("h3", {}, environment),
      h("ul", { class: "services" }, services.filter((one) => one.environment === environment).map(line))]);
  }

  #effects(effects) {
    const words = (body) => ["service", "environment", "version", "name", "status"].map((name) => body[name])
      .filter(Boolean).join(" ");
    return [h("h3", {}, "What was changed through the APIs"), effects.length
      ? h("ul", { class: "lines" }, effects.map((one) => h("li", {}, h("time", { class: "hint" }, clock(one.at)),
        h("code", {}, one.what), " ", words(one.body)))) : none("Nothing yet. What agents do after a sign-off appears here.")];
  }

  #deploys(deploys) {
    return [h("h3", {}, "Latest deploys"), h("ul", { class: "lines" }, deploys.map((one) =>
      h("li", {}, h("time", { class: "hint" }, clock(one.at)), `${one.service} ${one.environment} `,
        h("code", {}, `${one.previous_version} → ${one.version}`),
        h("span", { class: "hint" }, `${one.title}, by ${one.author}`))))];
  }
}

export class Ads extends View {
  parts({ campaigns }) {
    return [[(all) => this.#campaigns(all), campaigns]];
  }

  #campaigns(campaigns) {
    if (!campaigns.length) return none("The account has no campaign.");
    const line = (one) => {
      const isActive = one.status === "ACTIVE";
      const money = new Intl.NumberFormat(undefined, { style: "currency", currency: one.currency });
      const { maximumFractionDigits: digits } = money.resolvedOptions();
      const budget = money.format(one.daily_budget / 10 ** digits);
      return h("li", { class: "service" },
        h("span", { class: "service-text" }, h("strong", {}, one.name), " ",
          h("span", { class: `status ${one.effective_status.toLowerCase()}` }, one.effective_status.toLowerCase()),
          h("span", { class: "hint" }, `${one.channel} · ${budget} a day · ${one.starts_on} to ${one.ends_on} · by ${one.created_by}`)),
        one.effective_status === "ENDED" ? null : this.button(isActive ? "Pause by hand" : "Activate by hand", one.id,
          "campaign", { id: one.id, status: isActive ? "PAUSED" : "ACTIVE" }));
    };
    return [none("By hand means beside Signoff: its next check must notice."),
      h("ul", { class: "services" }, campaigns.map(line))];
  }
}

export class Parts extends View {
  parts({ valves, bot }) {
    return [[(all) => this.#valves(all), valves], [(one) => this.#bot(one), bot]];
  }

  #valves(valves) {
    const line = ([part, flow]) => {
      const choose = h("select", { "aria-label": `${PARTS[part] ?? part} for the bot`, "data-key": part,
        onchange: this.order("valve", (select) => ({ part, flow: select.value })) },
      Object.entries(FLOWS).map(([value, text]) => h("option", { value }, text)));
      choose.value = flow;
      return h("li", { class: flow === "open" ? "service" : "service broken" },
        h("span", { class: "state", role: "img", "aria-label": flow === "open" ? "works" : "out of order" }),
        h("span", { class: "service-text" }, h("strong", {}, PARTS[part] ?? part)), choose);
    };
    return [h("h3", {}, "What the bot reads and changes"),
      h("ul", { class: "services" }, Object.entries(valves).map(line))];
  }

  #bot(bot) {
    return [h("h3", {}, "The bot"), h("ul", { class: "services" },
      h("li", { class: bot.running ? "service" : "service broken" },
        h("span", { class: "state", role: "img", "aria-label": bot.running ? "runs" : "stopped" }),
        h("span", { class: "service-text" }, h("strong", {}, bot.running ? "It runs" : "It is down"),
          h("span", { class: "hint" }, `started again ${bot.restarts} times`)),
        this.button("Kill it", "kill", "kill-bot", {}, "danger"))),
    none("It is started again at once, and goes on where it was.")];
  }
}
