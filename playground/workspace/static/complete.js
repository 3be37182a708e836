// What a person may mean while they type: a command, somebody, a channel, an emoji.

import { freshId, h } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { names, store } from "./store.js";

const MOST = 8;
const LEAST_EMOJI = 2;

function found(list, typed, by) {
  const wanted = typed.toLowerCase();
  const starts = list.filter((item) => by(item).some((text) => text.toLowerCase().startsWith(wanted)));
  return starts.slice(0, MOST);
}

function commands(typed) {
  return found(store.state.commands, typed, (name) => [name]).map((name) => {
    const { usage_hint: usage = "", description = "" } = store.state.hints?.[name] ?? {};
    return { insert: name, title: name, more: usage, about: description };
  });
}

function people(typed) {
  const { user_id: appUser, name: appName } = store.state.app;
  const app = { id: appUser, name: appName.toLowerCase(), real_name: appName };
  const everyone = [...names.people(), app];
  const groups = store.state.usergroups;
  return [
    ...found(everyone, typed, (user) => [user.name, user.real_name]).map((user) => ({
      insert: `@${user.name}`, title: user.real_name, more: `@${user.name}`,
      about: user.id === store.user ? "you" : user.id === appUser ? "app" : "" })),
    ...found(groups, typed, (group) => [group.handle, group.name]).map((group) => ({
      insert: `@${group.handle}`, title: `@${group.handle}`, more: group.name,
      about: group.users.map(names.user).join(", ") })),
  ];
}

function channels(typed) {
  return found(store.state.channels.filter((c) => c.kind !== "im"), typed, (c) => [c.name])
    .map((c) => ({ insert: `#${c.name}`, title: `#${c.name}`, about: c.topic }));
}

function emoji(typed) {
  if (typed.length < LEAST_EMOJI) return [];
  return found(Object.keys(EMOJI), typed, (name) => [name])
    .map((name) => ({ insert: `:${name}:`, title: `${EMOJI[name]}  :${name}:` }));
}

// The word before the cursor, and what it could become.
function offered(field) {
  const before = field.value.slice(0, field.selectionStart);
  const command = /^(\/\S*)$/.exec(before);
  if (command) return { start: 0, items: commands(command[1]) };
  const word = /(?:^|[\s(])([@#:])([\w.+-]*)$/.exec(before);
  if (!word) return { start: 0, items: [] };
  const [, sign, typed] = word;
  const start = before.length - typed.length - 1;
  return { start, items: { "@": people, "#": channels, ":": emoji }[sign](typed) };
}

// Adds the list to a field; `keydown` says whether it took the key.
export class Completion {
  constructor(field) {
    this.field = field;
    this.items = [];
    this.chosen = 0;
    this.node = h("div", { class: "completion", role: "listbox", "aria-label": "Suggestions",
      id: freshId("completion"), hidden: true });
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.node.id);
    field.setAttribute("aria-expanded", "false");
    field.addEventListener("blur", () => this.close());
  }

  update() {
    const { start, items } = offered(this.field);
    this.start = start;
    this.items = items;
    this.chosen = 0;
    this.#draw();
  }

  close() {
    this.items = [];
    this.#draw();
  }

  keydown(event) {
    if (!this.items.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.chosen = (this.chosen + step + this.items.length) % this.items.length;
      this.#draw();
    } else if (event.key === "Escape") {
      this.close();
    } else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey && !this.#isWhole())) {
      this.#choose(this.items[this.chosen]);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  // Somebody who typed all of it means to send it.
  #isWhole() {
    const typed = this.field.value.slice(this.start, this.field.selectionStart).toLowerCase();
    return this.items[this.chosen].insert.toLowerCase() === typed;
  }

  #choose(item) {
    const { field, start } = this;
    const rest = field.value.slice(field.selectionStart);
    field.value = `${field.value.slice(0, start)}${item.insert} ${rest.replace(/^ /, "")}`;
    const end = start + item.insert.length + 1;
    field.setSelectionRange(end, end);
    field.focus();
    this.close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #draw() {
    const { field, node, items } = this;
    node.hidden = !items.length;
    field.setAttribute("aria-expanded", String(items.length > 0));
    node.replaceChildren(...items.map((item, index) => this.#option(item, index)));
    const here = node.children[this.chosen];
    if (here) field.setAttribute("aria-activedescendant", here.id);
    else field.removeAttribute("aria-activedescendant");
    here?.scrollIntoView({ block: "nearest" });
  }

  #option(item, index) {
    // The field would lose its focus, and with it the list, before a click counts.
    return h("div", { class: "option", role: "option", id: `${this.node.id}-${index}`,
      "aria-selected": String(index === this.chosen),
      onmousedown: (event) => event.preventDefault(), onclick: () => this.#choose(item) },
    h("span", { class: "option-title" }, item.title), h("span", { class: "option-more" }, item.more ?? ""),
    h("span", { class: "option-about" }, item.about ?? ""));
  }
}
