// The modal on the person's screen, and the app's home tab: both are views.

import { act } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { notice } from "./dialogs.js";
import { h } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { names, store } from "./store.js";

// What was typed, by view, so that an update of the view or an error keeps it.
class Typed {
  constructor() { this.values = {}; }
  get(block, action) { return this.values[block]?.[action]; }
  set(block, action, value) { (this.values[block] ??= {})[action] = value; }
}

let shown = { key: null, id: null, typed: new Typed() };

function surfaceOf(view, typed) {
  return {
    names, values: typed, errors: view.errors,
    act: async (block, element, value) => {
      const answer = await act("click", { user: store.user, view_id: view.id,
        action_id: element.action_id, block_id: block.block_id, value, values: typed.values });
      if (!answer.ok) notice(answer.message);
    },
  };
}

export function renderHome(view) {
  if (!view) return [h("p", { class: "empty" }, "Signoff has not published its home tab yet.")];
  return renderBlocks(view.blocks, surfaceOf(view, new Typed()));
}

async function close(view) {
  const answer = await act("close", { user: store.user, view_id: view.id });
  if (!answer.ok) notice(answer.message);
}

function content(view, typed) {
  const wrong = h("div", { class: "error", role: "alert" });
  const submit = view.submit
    ? h("button", { type: "submit", class: "button primary" }, plain(view.submit)) : null;
  const send = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    const answer = await act("submit", { user: store.user, view_id: view.id, values: typed.values });
    submit.disabled = false;
    const hasFields = Object.keys(answer.errors ?? {}).length > 0;
    wrong.textContent = answer.ok || hasFields ? "" : answer.message;
    if (hasFields) showModal({ ...view, errors: answer.errors });
  };
  const leave = view.close ? plain(view.close) : view.depth > 1 ? "Back" : "Cancel";
  return h("form", { novalidate: true, onsubmit: send },
    h("div", { class: "modal-head" }, h("h2", {}, plain(view.title)),
      h("button", { type: "button", class: "plain-button", "aria-label": "Close window",
        onclick: () => close(view) }, "×")),
    h("div", { class: "modal-body" }, renderBlocks(view.blocks, surfaceOf(view, typed)), wrong),
    h("div", { class: "modal-foot" },
      h("button", { type: "button", class: "button", onclick: () => close(view) }, leave), submit));
}

export function showModal(view) {
  const dialog = document.getElementById("modal");
  if (!view) {
    shown = { key: null, id: null, typed: new Typed() };
    if (dialog.open) dialog.close();
    dialog.replaceChildren();
    return;
  }
  const key = JSON.stringify([view.id, view.hash, view.errors]);
  if (shown.key === key && dialog.open) return;
  const typed = shown.id === view.id ? shown.typed : new Typed();
  shown = { key, id: view.id, typed };
  dialog.replaceChildren(content(view, typed));
  dialog.oncancel = (event) => {
    event.preventDefault();
    close(view);
  };
  if (!dialog.open) dialog.showModal();
  const first = dialog.querySelector(".wrong input, .wrong textarea, .wrong select")
    ?? dialog.querySelector(".modal-body input, .modal-body textarea, .modal-body select");
  first?.focus();
}
