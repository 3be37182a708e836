// A field for files: each is uploaded as soon as it is chosen, and handed over with the modal.

import { act, upload } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { size } from "./files.js";
import { store } from "./store.js";

const MOST = 10;
// What was chosen, by what is typed into a view and by field: a view that is drawn anew keeps it.
const chosenIn = new WeakMap();

function chosen(values, key) {
  if (!chosenIn.has(values)) chosenIn.set(values, new Map());
  const fields = chosenIn.get(values);
  if (!fields.has(key)) fields.set(key, { entries: [], show: () => {} });
  return fields.get(key);
}

function kindsOf(element) {
  return (element.filetypes ?? []).map((kind) => `.${kind.toLowerCase().replace(/^\./, "")}`);
}

export function fileField(block, element, surface, label) {
  const kinds = kindsOf(element);
  const most = element.max_files ?? MOST;
  const field = chosen(surface.values, `${block.block_id} ${element.action_id}`);
  const list = h("ul", { class: "chosen-files" });
  const tooMany = h("div", { class: "problem", role: "alert" });
  const input = h("input", { type: "file", "aria-label": label, accept: kinds.join(",") || null,
    multiple: most > 1, "data-key": `${block.block_id} ${element.action_id}`,
    onchange: () => {
      const room = most - field.entries.length;
      const files = [...input.files];
      // The same file can be chosen again after it was removed.
      input.value = "";
      tooMany.textContent = files.length > room ? `Only ${room} more can be taken here.` : "";
      files.slice(0, room).forEach((file) => take(file, { block, element, surface, field, kinds }));
    } });
  field.show = () => {
    const ids = field.entries.map((entry) => entry.id).filter(Boolean);
    surface.values.set(block.block_id, element.action_id, ids);
    input.disabled = field.entries.length >= most;
    if (!input.disabled && !field.entries.length) tooMany.textContent = "";
    list.replaceChildren(...field.entries.map((entry) => line(entry, field, input)));
  };
  field.show();
  return h("div", { class: "file-field" },
    h("span", { class: "button file-choose" }, input, most > 1 ? "Choose files" : "Choose a file"),
    h("span", { class: "hint" }, [kinds.join(" "), most > 1 ? `up to ${most} files` : "one file", "10 MB each"]
      .filter(Boolean).join(" · ")), list, tooMany);
}

function line(entry, field, input) {
  const remove = () => {
    field.entries = field.entries.filter((one) => one !== entry);
    field.show();
    input.focus();
  };
  const state = entry.problem ? h("span", { class: "problem", role: "alert" }, entry.problem)
    : h("span", { class: "hint", role: "status" }, entry.id ? size(entry.file.size) : "uploading …");
  return h("li", { class: "file", "data-unsent": entry.id ? null : entry.problem ? "failed" : "busy" }, icon("file"),
    h("span", { class: "file-text" }, h("strong", {}, entry.file.name), state),
    iconButton("close", `Remove ${entry.file.name}`, remove));
}

async function take(file, { block, element, surface, field, kinds }) {
  const entry = { file, id: null, problem: "" };
  field.entries.push(entry);
  const isWanted = !kinds.length || kinds.some((kind) => file.name.toLowerCase().endsWith(kind));
  if (!isWanted) entry.problem = `Not of a kind that is taken here (${kinds.join(" ")}). Remove it.`;
  field.show();
  if (!isWanted) return;
  const place = { action_id: element.action_id, block_id: block.block_id, ...surface.place };
  const { ok, id, message } = await sent(file, place);
  if (ok) entry.id = id;
  else entry.problem = `${message ?? "It was not uploaded."} Remove it, or choose it again.`;
  field.show();
}

async function sent(file, place) {
  const announced = await act("attach", { user: store.user, name: file.name, size: file.size, ...place });
  if (!announced.ok) return announced;
  return { ...await upload(new URL(announced.upload_url).pathname, file), id: announced.file_id };
}
