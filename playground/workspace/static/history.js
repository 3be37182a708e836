// The messages of a channel or a thread that are loaded: the last ones, the rest on scroll.

import { look } from "./api.js";
import { isTopLevel, rootTs, store } from "./store.js";

const PAGE = 60;
// What is kept of a long channel; the other end is dropped and loaded again when it is needed.
const KEPT = 300;
// How many changed messages are asked for by name: at once, and at all.
const AT_ONCE = 100;
const MANY = 1000;

export class History {
  constructor({ user, channel, thread = null }) {
    this.where = thread ? { user, channel, thread } : { user, channel };
    this.messages = [];
    this.hasBefore = false;
    this.hasAfter = false;
    this.isLoaded = false;
    this.error = "";
    this.busy = null;
  }

  isOf({ user, channel, thread = null }) {
    return this.where.user === user && this.where.channel === channel
      && (this.where.thread ?? null) === thread;
  }

  async load(around = null) {
    const answer = await this.#ask(around ? { around } : {});
    if (!answer.ok) return;
    this.messages = this.#kept(answer.messages);
    this.hasBefore = answer.has_before;
    this.hasAfter = answer.has_after;
    this.isLoaded = true;
  }

  // After the stream was away: what is shown may have changed anywhere.
  reload() {
    const middle = this.messages[Math.floor(this.messages.length / 2)];
    return this.load(this.hasAfter && middle ? middle.ts : null);
  }

  older() {
    return this.#once(this.hasBefore, async () => {
      const answer = await this.#ask({ before: this.messages[0]?.ts ?? "" });
      if (!answer.ok) return;
      this.messages = [...answer.messages, ...this.messages];
      this.hasBefore = answer.has_before;
      if (this.messages.length <= KEPT) return;
      this.messages = this.messages.slice(0, KEPT);
      this.hasAfter = true;
    });
  }

  newer() {
    return this.#once(this.hasAfter, async () => {
      const answer = await this.#ask({ after: this.messages.at(-1)?.ts ?? "" });
      if (!answer.ok) return;
      this.messages = [...this.messages, ...answer.messages];
      this.hasAfter = answer.has_after;
      if (this.messages.length <= KEPT) return;
      this.messages = this.messages.slice(-KEPT);
      this.hasBefore = true;
    });
  }

  // Takes over what changed; messages outside of what is loaded are left to the scrolling.
  take(messages, gone) {
    const lost = new Set(gone);
    const known = new Map(this.messages.filter((m) => !lost.has(m.ts)).map((m) => [m.ts, m]));
    for (const message of this.#kept(messages).filter((m) => this.#belongs(m))) {
      if (known.has(message.ts) || this.#isWithin(message.ts)) known.set(message.ts, message);
    }
    this.messages = [...known.values()].sort((a, b) => (a.ts < b.ts ? -1 : 1));
  }

  #belongs(message) {
    const { thread } = this.where;
    return thread ? [message.ts, rootTs(message)].includes(thread) : isTopLevel(message);
  }

  #isWithin(ts) {
    const isBefore = this.hasBefore && ts < (this.messages[0]?.ts ?? "");
    const isAfter = this.hasAfter && ts > (this.messages.at(-1)?.ts ?? "");
    return !isBefore && !isAfter;
  }

  // The same object as before where nothing changed, so that its node is kept.
  #kept(messages) {
    const before = new Map(this.messages.map((message) => [message.ts, message]));
    return messages.map((message) => {
      const old = before.get(message.ts);
      return old && JSON.stringify(old) === JSON.stringify(message) ? old : message;
    });
  }

  async #once(isWanted, work) {
    if (!isWanted || this.busy) return false;
    this.busy = work();
    await this.busy;
    this.busy = null;
    return true;
  }

  async #ask(query) {
    const answer = await look("messages", { ...this.where, limit: PAGE, ...query });
    this.error = answer.ok ? "" : answer.message ?? "The playground did not answer.";
    if (answer.ok) store.sessions = answer.sessions;
    return answer;
  }
}

// Asks for everything that changed in a channel, whichever of its lists shows it.
export async function refresh(histories, changed) {
  const named = [...changed];
  // More than can be told one by one: what is shown is read anew.
  if (named.length > MANY) return Promise.all(histories.map((history) => history.reload()));
  const { user, channel } = histories[0].where;
  for (let at = 0; at < named.length || at === 0; at += AT_ONCE) {
    const ts = named.slice(at, at + AT_ONCE).join(",");
    const answer = await look("messages", { user, channel, ts });
    if (!answer.ok) return undefined;
    store.sessions = answer.sessions;
    histories.forEach((history) => history.take(answer.messages, answer.gone));
  }
  return undefined;
}
