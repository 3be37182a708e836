// The modal on the person's screen, and the app's home tab: both are views.

import { act } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { notice } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { names, store } from "./store.js";
import { Typed } from "./typed.js";

const UNSENT = {
  busy: "A file is still being uploaded. Try again in a moment.",
  failed: "A file was not uploaded. Remove it, or choose it again.",
};

let shown = null;
// By view: whoever comes back to a window finds what they typed, until the last one is closed.
const typedIn = new Map();

function surfaceOf(view, typed) {
  return {
    names, values: typed, errors: view.errors, files: [], place: { view_id: view.id },
    act: async (block, element, value) => {
      const answer = await act("click", { user: store.user, view_id: view.id,
        action_id: element.action_id, block_id: block.block_id, value, values: typed.values });
      if (!answer.ok) notice(answer.message);
    },
  };
}

export function renderHome(view) {
  if (!view) {
    return [h("div", { class: "empty-state" }, h("p", { class: "empty-title" }, "Nothing here yet"),
      h("p", {}, `${store.state.app.name} has not published its home tab. It does so when it is connected.`))];
  }
  return renderBlocks(view.blocks, surfaceOf(view, homeTyped(view)));
}

let home = { id: null, typed: new Typed() };

function homeTyped(view) {
  if (home.id !== view.id) home = { id: view.id, typed: new Typed() };
  return home.typed;
}

async function close(view, isAll = false) {
  const answer = await act("close", { user: store.user, view_id: view.id, is_all: isAll });
  if (!answer.ok) notice(answer.message);
}

function content(view, typed) {
  // Beside the buttons: what is at the end of a long window is not seen.
  const wrong = h("div", { class: "problem modal-wrong", role: "alert" });
  const submit = view.submit
    ? h("button", { type: "submit", class: "button primary" }, plain(view.submit)) : null;
  const send = async (event) => {
    event.preventDefault();
    if (!submit || submit.disabled) return;
    const unsent = event.target.querySelector("[data-unsent]")?.dataset.unsent;
    if (unsent) {
      wrong.textContent = UNSENT[unsent];
      return;
    }
    submit.disabled = true;
    submit.classList.add("busy");
    const answer = await act("submit", { user: store.user, view_id: view.id, values: typed.values });
    submit.disabled = false;
    submit.classList.remove("busy");
    const hasFields = Object.keys(answer.errors ?? {}).length > 0;
    wrong.textContent = answer.ok || hasFields ? "" : answer.message;
    if (hasFields) showModal({ ...view, errors: answer.errors });
  };
  const isStacked = view.depth > 1;
  const leave = view.close ? plain(view.close) : isStacked ? "Back" : "Cancel";
  return h("form", { novalidate: true, onsubmit: send },
    h("div", { class: "modal-head" },
      isStacked ? iconButton("back", "Back to the window below", () => close(view)) : null,
      h("span", { class: "avatar bot small", "aria-hidden": "true" }, icon("check")),
      h("h2", { id: "modal-title" }, plain(view.title)),
      isStacked ? h("span", { class: "hint" }, `${view.depth} of at most 3`) : null,
      iconButton("close", isStacked ? "Close all windows" : "Close window", () => close(view, true))),
    h("div", { class: "modal-body" }, renderBlocks(view.blocks, surfaceOf(view, typed))), wrong,
    h("div", { class: "modal-foot" },
      h("button", { type: "button", class: "button", onclick: () => close(view) }, leave), submit));
}

// Where the focus was; the message may have been drawn anew since, which the browser can't know.
let opener = null;

function focusOpener() {
  const { node, ts, key } = opener ?? {};
  opener = null;
  if (!ts || node.isConnected) return;
  const found = document.querySelectorAll(`[data-ts="${ts}"] [data-key]`);
  [...found].find((one) => one.dataset.key === key)?.focus();
}

export function showModal(view) {
  const dialog = document.getElementById("modal");
  if (!view) {
    shown = null;
    typedIn.clear();
    if (dialog.open) dialog.close();
    dialog.replaceChildren();
    focusOpener();
    return;
  }
  const key = JSON.stringify([view.id, view.hash, view.errors]);
  if (shown === key && dialog.open) return;
  shown = key;
  if (!typedIn.has(view.id)) typedIn.set(view.id, new Typed());
  const typed = typedIn.get(view.id);
  const held = dialog.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  dialog.replaceChildren(content(view, typed));
  dialog.dataset.depth = String(view.depth);
  dialog.oncancel = (event) => {
    event.preventDefault();
    close(view);
  };
  if (!dialog.open) {
    const { activeElement: node } = document;
    opener = { node, ts: node.closest("[data-ts]")?.dataset.ts, key: node.dataset.key };
    dialog.showModal();
  }
  const first = dialog.querySelector(".wrong input, .wrong textarea, .wrong select")
    ?? [...dialog.querySelectorAll("[data-key]")].find((node) => held && node.dataset.key === held)
    ?? dialog.querySelector("[autofocus]")
    ?? dialog.querySelector(".modal-body input, .modal-body textarea, .modal-body select");
  first?.focus();
}
