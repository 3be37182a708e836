// The page: puts the parts together, follows the address and the stream of changes.

import { look, watch } from "./api.js";
import { ChannelPane, DEFAULT_CHANNEL } from "./channel.js";
import { startControls } from "./controls.js";
import { notice } from "./dialogs.js";
import { History, refresh } from "./history.js";
import { showModal } from "./modal.js";
import { Panel } from "./panel.js";
import { renderSidebar } from "./sidebar.js";
import { actAs, currentChannel, rootTs, store } from "./store.js";
import { ThreadPane } from "./thread.js";

const SOON_MS = 30;
const AGAIN_MS = 2000;
const byId = (id) => document.getElementById(id);
const layout = byId("layout");
let channelPane = null;
let threadPane = null;
let panel = null;
let lastSeq = null;

async function loadState() {
  const { user } = store;
  const state = await look("state", { user });
  if (user !== store.user) return;
  if (!state.ok) {
    if (state.error === "user_not_found") await beSomebody(state.people);
    return;
  }
  store.state = state;
  document.title = `${state.team.name} · ${state.app.name}`;
  showModal(state.modal);
  drawSidebar();
  channelPane?.showHome();
  channelPane?.showHead();
}

// Whoever was taken out of the channel that they read is led elsewhere.
async function loadChangedState() {
  await loadState();
  if (store.channel && store.state && !currentChannel()) await follow();
}

// Another workspace than the one this tab knew: begin as its first person.
async function beSomebody(people) {
  if (!people?.length || people.includes(store.user)) return;
  actAs(people[0]);
  await loadState();
}

function drawSidebar() {
  renderSidebar(byId("sidebar"), { switchTo, close: closeList, togglePanel: () => panel.toggle() });
}

function closeList() {
  layout.classList.remove("list-open");
}

async function switchTo(user) {
  actAs(user);
  await loadState();
  if (!currentChannel() || currentChannel().kind === "im") {
    const own = store.state.channels.find((channel) => channel.kind === "im");
    const isAtApp = store.history?.where.channel.startsWith("D") && own;
    location.hash = `#${isAtApp ? own.id : DEFAULT_CHANNEL}`;
  }
  await follow();
  byId("sidebar").querySelector(".who-person.chosen")?.focus();
}

function drawLists() {
  const last = store.history.messages.at(-1);
  if (last && !store.history.hasAfter) store.read.set(`${store.user} ${store.channel}`, last.ts);
  channelPane.show();
  layout.classList.toggle("has-thread", threadPane.show());
}

// An address is #CHANNEL or #CHANNEL/ts; a reply's ts opens its thread.
async function follow() {
  const [id, ts = null] = decodeURIComponent(location.hash.slice(1)).split("/");
  // The skip link's own place is no channel.
  if (id === "channel") return focusMessages();
  closeList();
  const channel = id || DEFAULT_CHANNEL;
  const known = store.state.channels;
  if (!known.some((one) => one.id === channel)) {
    const me = store.state.users.find((user) => user.id === store.user)?.real_name;
    notice(`${me} cannot see this channel.`);
    const fallback = known.find((one) => one.id === DEFAULT_CHANNEL) ?? known[0];
    location.hash = `#${fallback?.id ?? ""}`;
    return undefined;
  }
  const isOther = channel !== store.channel || store.history?.where.user !== store.user;
  if (isOther) enter(channel);
  drawSidebar();
  await loadFor(ts, isOther);
  return undefined;
}

function enter(channel) {
  store.channel = channel;
  store.newSince = store.read.get(`${store.user} ${channel}`) ?? null;
  store.history = new History({ user: store.user, channel });
  store.replies = null;
  store.thread = null;
  store.highlight = null;
  channelPane.open();
}

async function loadFor(ts, isOther) {
  const { history } = store;
  const isKnown = () => history.messages.some((message) => message.ts === ts);
  if (!history.isLoaded || isOther) await history.load();
  const target = ts ? await pointedAt(ts) : null;
  if (history !== store.history) return;
  const root = target ? rootTs(target) ?? target.ts : null;
  store.highlight = target ? ts : null;
  store.thread = root;
  if (root && !history.messages.some((message) => message.ts === root)) await history.load(root);
  if (!root) store.replies = null;
  else if (!store.replies?.isOf({ user: store.user, channel: store.channel, thread: root })) {
    store.replies = new History({ user: store.user, channel: store.channel, thread: root });
    // What was never read is read from its start, what was from its end, a reply where it stands.
    await store.replies.load(target.ts === root && threadPane.hasShown(root) ? null : ts);
  }
  if (history !== store.history) return;
  drawLists();
  if (ts && !target && !isKnown()) notice("This message is no longer there.");
  document.querySelector("article.highlight")?.scrollIntoView({ block: "nearest" });
}

async function pointedAt(ts) {
  const { user, channel } = store;
  const answer = await look("messages", { user, channel, ts });
  return answer.ok ? answer.messages[0] ?? null : null;
}

function focusMessages() {
  byId("channel").querySelector(".list")?.focus();
  history.replaceState(null, "", `#${store.channel}${store.thread ? `/${store.thread}` : ""}`);
}

const changedTs = new Set();

function changed(change) {
  const isGap = change === null || (lastSeq !== null && change.seq !== lastSeq + 1);
  lastSeq = change?.seq ?? null;
  if (change?.kind === "faults") panel.refresh();
  if (isGap) {
    schedule("reload");
    return;
  }
  const isForMe = !change.user || change.user === store.user;
  if (!isForMe) return;
  const isHere = change.channel === store.channel;
  if (isHere && ["message", "session"].includes(change.kind)) {
    if (change.ts) changedTs.add(change.ts);
    if (change.thread_ts) changedTs.add(change.thread_ts);
    schedule("messages");
  }
  if (change.kind !== "faults") schedule("state");
}

async function loadChanges() {
  const wanted = [...changedTs];
  changedTs.clear();
  const { history } = store;
  const histories = [history, store.replies].filter(Boolean);
  await refresh(histories, wanted);
  if (history === store.history) drawLists();
}

// Whatever was missed while nobody answered, or what came faster than it could be told.
async function reload() {
  changedTs.clear();
  await loadState();
  if (!store.state || !store.history) return;
  await Promise.all([store.history, store.replies].filter(Boolean).map((one) => one.reload()));
  drawLists();
}

const LOADERS = { state: loadChangedState, messages: loadChanges, reload };
const waiting = new Set();
const running = new Set();

// Never two of a kind at once: what changes meanwhile is loaded after the first is done.
function schedule(what) {
  if (waiting.has(what)) return;
  waiting.add(what);
  setTimeout(async () => {
    if (running.has(what)) {
      waiting.delete(what);
      schedule(what);
      return;
    }
    waiting.delete(what);
    running.add(what);
    await LOADERS[what]().finally(() => running.delete(what));
  }, SOON_MS);
}

function tellStatus(isThere) {
  const banner = byId("away");
  banner.hidden = isThere;
  banner.textContent = isThere ? "" : "The workspace does not answer. Trying to reach it again …";
}

async function start() {
  await loadState();
  if (!store.state) {
    tellStatus(false);
    setTimeout(start, AGAIN_MS);
    return;
  }
  tellStatus(true);
  const breakSomething = await startControls(byId("controls"));
  panel = new Panel(byId("panel"), { isWorld: breakSomething !== null });
  channelPane = new ChannelPane(byId("channel"), {
    openList: () => {
      layout.classList.add("list-open");
      byId("sidebar").querySelector("button, a")?.focus();
    },
    openThread: (ts) => threadPane.open(ts),
    breakSomething,
  });
  threadPane = new ThreadPane(byId("thread"), { close: () => { location.hash = `#${store.channel}`; } });
  addEventListener("hashchange", follow);
  // A tap beside the list closes it, and does nothing else.
  layout.addEventListener("click", (event) => {
    if (!layout.classList.contains("list-open") || byId("sidebar").contains(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    closeList();
  }, true);
  addEventListener("keydown", (event) => { if (event.key === "Escape") closeList(); });
  await follow();
  watch({ changed, status: tellStatus });
}

start();
