// Light or dark: as the reader's system says, or as they chose here.

import { h, icon } from "./dom.js";

const ORDER = ["auto", "light", "dark"];
const LABELS = { auto: "as the system", light: "light", dark: "dark" };

function kept() {
  const found = localStorage.getItem("theme");
  return ORDER.includes(found) ? found : "auto";
}

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function themeSwitch() {
  const text = h("span", {});
  const show = () => { text.textContent = `Colours: ${LABELS[kept()]}`; };
  const next = () => {
    localStorage.setItem("theme", ORDER[(ORDER.indexOf(kept()) + 1) % ORDER.length]);
    apply(kept());
    show();
  };
  show();
  return h("button", { type: "button", class: "side-button theme", "data-key": "theme", onclick: next }, icon("sun"), text);
}

apply(kept());
