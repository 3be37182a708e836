// The top bar of the playground: break something, fast-forward, what is going on.

import { get, post } from "./api.js";
import { notice } from "./dialogs.js";
import { h, link } from "./dom.js";

const POLL_MS = 2000;
const BROKEN = "Something broke. Its alert fires once that has lasted a while: +1 min skips the wait.";
const STEPS = [["+1 min", 60], ["+10 min", 600], ["+1 h", 3600]];

export async function startControls(bar) {
  const first = await get("/world/status");
  if (first.status === 404) return null;
  const fault = h("span", { class: "fault" });
  const time = h("time", { class: "now", title: "the playground's clock" });
  const bot = h("span", { class: "bot" });
  const links = h("span", { class: "links" });
  const show = (status) => update({ fault, time, bot, links }, status);
  const refresh = async () => show(await get("/world/status"));
  const run = (path, body, done) => async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    const answer = await post(path, body);
    button.disabled = false;
    if (answer.status >= 200 && answer.status < 300) done?.(answer);
    else notice(answer.message ?? `The playground answered ${answer.status}.`);
    refresh();
  };
  const breakIt = run("/world/fault", {}, () => notice(BROKEN, "info"));
  bar.replaceChildren(
    h("button", { type: "button", class: "button danger", onclick: breakIt }, "Break something"),
    h("span", { class: "steps" }, h("span", { class: "steps-label" }, "Fast-forward"),
      STEPS.map(([label, seconds]) => h("button", { type: "button", class: "button",
        onclick: run("/world/forward", { seconds }) }, label))),
    fault, h("span", { class: "spacer" }), links, bot, time);
  bar.hidden = false;
  show(first);
  setInterval(refresh, POLL_MS);
  return breakIt;
}

function update({ fault, time, bot, links }, status) {
  if (status.status !== 200) return;
  const now = new Date(status.now);
  time.dateTime = status.now;
  time.textContent = Number.isNaN(now.getTime()) ? "" : `${now.toISOString().slice(11, 19)} UTC`;
  fault.textContent = status.fault ? `broken: ${describe(status.fault)}` : "all services healthy";
  fault.classList.toggle("on", Boolean(status.fault));
  // The channels' empty state says other words then: style.css.
  document.body.classList.toggle("is-broken", Boolean(status.fault));
  const restarts = status.bot?.restarts ? `, restarted ${status.bot.restarts}×` : "";
  bot.textContent = status.bot?.running ? `bot running${restarts}` : "bot stopped";
  bot.classList.toggle("off", !status.bot?.running);
  const entries = Object.entries(status.links ?? {});
  if (links.childElementCount !== entries.length) {
    links.replaceChildren(...entries.map(([name, url]) => link(String(url), name)));
  }
}

function describe(fault) {
  if (typeof fault !== "object") return String(fault);
  return [fault.service, fault.version, fault.environment].filter(Boolean).join(" ") || "yes";
}
