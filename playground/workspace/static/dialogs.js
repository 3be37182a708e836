// Confirm dialogs and notices.

import { h, iconButton } from "./dom.js";
import { plain, textObject } from "./mrkdwn.js";

const NOTICE_MS = 9000;

export function confirmed(confirm, names) {
  const dialog = document.getElementById("confirm");
  return new Promise((resolve) => {
    const answer = (value) => () => { dialog.close(value); };
    const style = confirm.style === "danger" ? "button danger" : "button primary";
    dialog.returnValue = "";
    dialog.replaceChildren(
      h("h2", { id: "confirm-title" }, plain(confirm.title ?? { text: "Are you sure?" })),
      h("div", { class: "modal-body" }, textObject(confirm.text, names)),
      h("div", { class: "modal-foot" },
        h("button", { type: "button", class: "button", onclick: answer("no") },
          plain(confirm.deny ?? { text: "Cancel" })),
        h("button", { type: "button", class: style, onclick: answer("yes") },
          plain(confirm.confirm ?? { text: "Yes" }))));
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.showModal();
    dialog.querySelector(".modal-foot button:last-child").focus();
  });
}

export function notice(text, kind = "error") {
  const box = h("div", { class: `notice ${kind}` }, h("span", {}, text ?? "Something went wrong. Try again."),
    iconButton("close", "Dismiss", () => box.remove()));
  // Above an open dialog: only what is in the top layer is seen there.
  const notices = document.getElementById("notices");
  notices.append(box);
  if (notices.matches(":popover-open")) notices.hidePopover();
  notices.showPopover();
  setTimeout(() => box.remove(), NOTICE_MS);
}
