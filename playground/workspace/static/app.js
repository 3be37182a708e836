// The page: puts the parts together, follows the address and the stream of changes.

import { act, look, watch } from "./api.js";
import { composer } from "./composer.js";
import { startControls } from "./controls.js";
import { notice } from "./dialogs.js";
import { h } from "./dom.js";
import { fill, inThread, sessionText, topLevel } from "./messages.js";
import { renderHome, showModal } from "./modal.js";
import { renderSidebar } from "./sidebar.js";
import { actAs, currentChannel, rootTs, store } from "./store.js";

const part = Object.fromEntries(["sidebar", "channel", "thread", "controls"]
  .map((id) => [id, document.getElementById(id)]));
const layout = document.getElementById("layout");
const DEFAULT_CHANNEL = "C0INCIDENTS";
let breakSomething = null;
let tab = "messages";

async function loadState() {
  const { user } = store;
  const state = await look("state", { user });
  if (!state.ok || user !== store.user) return;
  store.state = state;
  showModal(state.modal);
  drawSidebar();
  if (tab === "home") drawHome();
}

async function loadMessages() {
  const { channel, user } = store;
  const answer = await look("messages", { user, channel });
  if (channel !== store.channel || user !== store.user) return;
  store.messages = answer.ok ? answer.messages : [];
  store.sessions = answer.ok ? answer.sessions : {};
  const last = store.messages.at(-1);
  if (last) store.read.set(`${store.user} ${channel}`, last.ts);
  drawLists();
}

function drawSidebar() {
  renderSidebar(part.sidebar, { switchTo, close: () => layout.classList.remove("list-open") });
}

async function switchTo(user) {
  actAs(user);
  await loadState();
  if (!currentChannel()) location.hash = `#${DEFAULT_CHANNEL}`;
  else if (currentChannel().kind === "im" || !store.messages.length) openChannel(store.channel);
  await loadMessages();
  part.sidebar.querySelector(".chosen")?.focus();
}

function openChannel(id) {
  store.channel = id;
  tab = "messages";
  drawFrame();
}

function drawFrame() {
  const channel = currentChannel();
  const isApp = channel?.kind === "im";
  const title = isApp ? store.state.app.name : `# ${channel?.name ?? ""}`;
  const label = isApp ? `Message ${title}` : `Message #${channel?.name ?? ""}, or a /command`;
  part.channel.replaceChildren(
    h("div", { class: "pane-head" },
      h("button", { type: "button", class: "plain-button narrow-only", "aria-label": "Open list",
        onclick: () => layout.classList.add("list-open") }, "☰"),
      h("h1", {}, title), h("span", { class: "topic" }, channel?.topic ?? ""),
      isApp ? tabs() : null),
    h("div", { class: "list", tabindex: "0", role: "log", "aria-label": `Messages in ${title}` }),
    tab === "home" ? "" : composer(label));
}

function tabs() {
  const choose = (name) => async () => {
    tab = name;
    drawFrame();
    if (name === "home") {
      await act("home", { user: store.user });
      drawHome();
    } else await loadMessages();
  };
  return h("div", { class: "tabs" }, [["messages", "Messages"], ["home", "Home"]].map(([name, label]) =>
    h("button", { type: "button", class: "tab", "aria-pressed": String(tab === name),
      onclick: choose(name) }, label)));
}

function drawHome() {
  part.channel.querySelector(".list").replaceChildren(
    h("div", { class: "home" }, renderHome(store.state.home)));
}

function drawLists() {
  const list = part.channel.querySelector(".list");
  if (list && tab === "messages") {
    list.querySelector(".empty-state")?.remove();
    fill(list, topLevel(), { openThread, toEnd: list.drawn === undefined });
    if (!store.messages.length) list.append(emptyState());
  }
  drawThread();
}

function emptyState() {
  const isQuietChannel = store.channel !== DEFAULT_CHANNEL;
  if (!breakSomething) {
    return h("div", { class: "empty-state" }, h("p", { class: "empty-title" }, "Nothing was said here yet."),
      h("p", {}, "Say something, or type / to see the commands."));
  }
  const incidents = h("a", { href: `#${DEFAULT_CHANNEL}` }, "#incidents");
  return h("div", { class: "empty-state" },
    h("p", { class: "empty-title" }, isQuietChannel ? "Nothing was said here yet." : "All quiet."),
    h("p", {}, "Press ", h("strong", {}, "Break something"), ", then look into ", incidents, "."),
    h("button", { type: "button", class: "button danger", onclick: breakSomething }, "Break something"),
    h("p", { class: "hint" }, "A service will start to fail. Once that has lasted a while (",
      h("strong", {}, "+1 min"), " skips the wait) the alert reaches ",
      store.state.app.name, ", and what it finds and wants to do appears there. Act as Ana, Ben or ",
      "Mia on the left to sign it off. Type / to see the commands."),
    store.state.commands.length ? h("p", { class: "hint" }, "Commands: ", store.state.commands
      .flatMap((name) => [h("code", {}, name), " "])) : null);
}

function openThread(ts) {
  location.hash = `#${store.channel}/${ts}`;
}

function drawThread() {
  const messages = store.thread ? inThread(store.thread) : [];
  part.thread.hidden = !messages.length;
  layout.classList.toggle("has-thread", messages.length > 0);
  if (!messages.length) {
    part.thread.replaceChildren();
    part.thread.dataset.ts = "";
    return;
  }
  if (part.thread.dataset.ts !== store.thread) drawThreadFrame();
  const session = store.sessions[store.thread];
  part.thread.querySelector(".session").textContent = sessionText(session);
  part.thread.querySelector(".stop").hidden = session?.status !== "processing";
  const list = part.thread.querySelector(".list");
  fill(list, messages, { toEnd: list.drawn === undefined });
}

function drawThreadFrame() {
  part.thread.dataset.ts = store.thread;
  part.thread.replaceChildren(
    h("div", { class: "pane-head" }, h("h1", {}, "Thread"), h("span", { class: "session" }),
      h("button", { type: "button", class: "button stop", hidden: true, onclick: stopSession }, "Stop"),
      h("span", { class: "spacer" }),
      h("button", { type: "button", class: "plain-button", "aria-label": "Close thread",
        onclick: () => { location.hash = `#${store.channel}`; } }, "×")),
    h("div", { class: "list", tabindex: "0", role: "log", "aria-label": "Messages in this thread" }),
    composer("Reply in the thread", store.thread));
}

async function stopSession() {
  const where = { channel: store.channel, thread_ts: store.thread };
  const answer = await act("stop", { user: store.user, ...where });
  if (!answer.ok) notice(answer.message);
}

function reveal() {
  document.querySelector("article.highlight")?.scrollIntoView({ block: "nearest" });
}

// An address is #CHANNEL or #CHANNEL/ts; a reply's ts opens its thread.
async function follow() {
  const [id, ts] = decodeURIComponent(location.hash.slice(1)).split("/");
  layout.classList.remove("list-open");
  const channel = id || DEFAULT_CHANNEL;
  if (!store.state.channels.some((known) => known.id === channel)) {
    notice(`${store.state.users.find((u) => u.id === store.user)?.real_name} cannot see this channel.`);
    location.hash = `#${DEFAULT_CHANNEL}`;
    return;
  }
  if (channel !== store.channel) openChannel(channel);
  store.thread = ts ?? null;
  store.highlight = null;
  drawSidebar();
  await loadMessages();
  const target = store.messages.find((message) => message.ts === ts);
  if (!target) return;
  store.highlight = ts;
  store.thread = rootTs(target) ?? ts;
  drawLists();
  reveal();
}

function changed(change) {
  if (change === null) return Promise.all([loadState(), loadMessages()]);
  const isHere = change.channel === store.channel;
  const isForMe = !change.user || change.user === store.user;
  if (["message", "session"].includes(change.kind) && isHere && isForMe) schedule("messages");
  if (isForMe) schedule("state");
  return undefined;
}

const waiting = new Set();
function schedule(what) {
  if (waiting.has(what)) return;
  waiting.add(what);
  setTimeout(() => {
    waiting.delete(what);
    (what === "state" ? loadState : loadMessages)();
  }, 30);
}

async function start() {
  breakSomething = await startControls(part.controls);
  await loadState();
  if (!store.state) return notice("The workspace did not answer. Reload the page.");
  addEventListener("hashchange", follow);
  await follow();
  watch(changed);
  return undefined;
}

start();
