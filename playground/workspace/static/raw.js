// What was really sent: a message as JSON, and the parts that nothing here can draw.

import { h } from "./dom.js";
import { notice } from "./dialogs.js";

export function json(value) {
  return h("pre", { class: "json", tabindex: "0" }, JSON.stringify(value, null, 2));
}

// Nothing is dropped: what is not known is shown as it was sent.
export function raw(part) {
  const type = typeof part?.type === "string" ? part.type : "no known type";
  return h("details", { class: "raw" },
    h("summary", {}, `${part?.type === "attachment" ? "More of an attachment" : `Block of type ${type}`}, shown as it was sent`),
    json(part));
}

export function showRaw(message) {
  const dialog = document.getElementById("raw");
  const close = () => dialog.close();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(message, null, 2));
      notice("The JSON is copied.", "info");
    } catch {
      notice("This browser let nothing be copied. Select the text instead.");
    }
  };
  dialog.replaceChildren(
    h("div", { class: "modal-head" }, h("h2", {}, "Message as JSON"),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: close }, "×")),
    h("div", { class: "modal-body" }, json(message)),
    h("div", { class: "modal-foot" },
      h("button", { type: "button", class: "button", onclick: copy }, "Copy"),
      h("button", { type: "button", class: "button primary", onclick: close }, "Done")));
  dialog.showModal();
}
