// Confirm dialogs and notices.

import { h } from "./dom.js";
import { plain, textObject } from "./mrkdwn.js";

const NOTICE_MS = 9000;

export function confirmed(confirm, names) {
  const dialog = document.getElementById("confirm");
  return new Promise((resolve) => {
    const answer = (value) => () => { dialog.close(value); };
    const style = confirm.style === "danger" ? "button danger" : "button primary";
    dialog.returnValue = "";
    dialog.replaceChildren(
      h("h2", {}, plain(confirm.title ?? { text: "Are you sure?" })),
      h("div", { class: "modal-body" }, textObject(confirm.text, names)),
      h("div", { class: "modal-foot" },
        h("button", { type: "button", class: "button", onclick: answer("no") },
          plain(confirm.deny ?? { text: "Cancel" })),
        h("button", { type: "button", class: style, onclick: answer("yes") },
          plain(confirm.confirm ?? { text: "Yes" }))));
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.showModal();
  });
}

export function notice(text, kind = "error") {
  const box = h("div", { class: `notice ${kind}` }, h("span", {}, text),
    h("button", { type: "button", class: "plain-button", "aria-label": "Dismiss",
      onclick: () => box.remove() }, "×"));
  document.getElementById("notices").append(box);
  setTimeout(() => box.remove(), NOTICE_MS);
}
