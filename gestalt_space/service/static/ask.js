// The page "Ask": photos are shown from the reader's own machine, with the faces that were found.

import { element, fail, problem, put, send, word } from "./page.js";

const form = document.getElementById("question");
const list = document.getElementById("photos");
const answer = document.getElementById("answer");
const comparison = document.getElementById("comparison");
const adding = document.getElementById("adding");
const go = document.getElementById("go");
const photos = [];
let sent = [], asked = []; // Photos with their faces: of the last question, and of the answer shown.

/** Shows how many photos there are, and whether they can be asked about and added. */
function settle() {
  document.getElementById("as-one").hidden = photos.length < 2;
  document.getElementById("drop").classList.toggle("small", photos.length > 0);
  go.disabled = !photos.some((photo) => photo.faces?.length) || photos.some((photo) => photo.looking);
  if (adding) adding.querySelector("button").disabled = go.disabled;
}

function add(files) {
  for (const file of files) {
    const shown = document.getElementById("photo").content.cloneNode(true).firstElementChild;
    const photo = { file, shown, chosen: 1, turns: Promise.resolve() };
    photos.push(photo);
    list.append(shown);
    shown.querySelector("[data-turn]").addEventListener("click", () => (photo.turns = photo.turns.then(() => turn(photo))));
    shown.querySelector("[data-drop]").addEventListener("click", () => drop(photo));
    look(photo);
  }
}

/** Whether a file that was dropped is a phenopacket or a VCF, which its field then has. */
function isTaken(file) {
  const id = /\.json$/i.test(file.name) ? "phenopacket" : /\.(vcf(\.b?gz)?|bcf)$/i.test(file.name) ? "vcf" : "";
  const input = document.getElementById(id), taken = new DataTransfer();
  if (!input) return false;
  taken.items.add(file);
  input.files = taken.files;
  return (input.closest("details").open = true);
}

function drop(photo) {
  photos.splice(photos.indexOf(photo), 1);
  URL.revokeObjectURL(photo.url);
  photo.shown.remove();
  document.getElementById("files").focus();
  settle();
}

/** Asks for the faces of a photo, and shows them, unless the photo was turned meanwhile. */
async function look(photo) {
  const { shown, file } = photo;
  const remarks = shown.querySelector(".remarks");
  if (photo.url) URL.revokeObjectURL(photo.url);
  photo.url = URL.createObjectURL(file);
  Object.assign(photo, { faces: undefined, found: undefined, looking: true });
  shown.querySelector("img").src = photo.url;
  shown.querySelector(".file").textContent = file.name;
  shown.querySelector("svg").replaceChildren();
  shown.querySelector("fieldset").hidden = true;
  remarks.replaceChildren(element("li", { class: "faint" }, word("looking")));
  settle();
  const fields = new FormData();
  fields.append("photo", file);
  try {
    const found = (await (await send(form.dataset.faces, { method: "POST", body: fields })).json()).photos[0];
    await shown.querySelector("img").decode().catch(() => {});
    if (photo.file !== file) return;
    if (found.error) throw found.error;
    ({ faces: photo.faces, found: photo.found } = found);
    photo.chosen = found.faces[0].number;
    draw(photo);
  } catch (error) {
    if (photo.file !== file) return;
    remarks.replaceChildren(element("li", {}, problem(error)));
  }
  photo.looking = false;
  settle();
}

/** Draws the boxes of the faces, which one is meant, and what makes it less sure. */
function draw(photo) {
  const { shown, faces, chosen } = photo;
  const image = shown.querySelector("img"), svg = shown.querySelector("svg");
  const width = image.naturalWidth || 1, height = image.naturalHeight || 1;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...faces.map(({ number, box: [left, top, right, bottom] }) => {
    const box = document.createElementNS(svg.namespaceURI, "rect");
    const places = { x: left, y: top, width: right - left, height: bottom - top, rx: width / 100 };
    for (const [name, value] of Object.entries(places)) box.setAttribute(name, value);
    box.classList.toggle("chosen", number === chosen);
    box.addEventListener("click", () => choose(photo, number));
    return box;
  }));
  const choices = shown.querySelector("fieldset");
  choices.hidden = faces.length < 2;
  if (choices.childElementCount - 1 !== faces.length) {
    choices.querySelectorAll("label").forEach((label) => label.remove());
    for (const { number } of faces) {
      const radio = element("input", { type: "radio", name: `face-of-${photo.url}` });
      radio.addEventListener("change", () => choose(photo, number));
      choices.append(element("label", { class: "choice" }, radio, word("face", { number })));
    }
  }
  choices.querySelectorAll("input").forEach((radio, place) => (radio.checked = faces[place].number === chosen));
  const { marks } = chosenFace(photo).quality;
  const told = marks.map(({ kind, value, limit }) => element("li", { class: "remark" }, word(`mark.${kind}`, { value, limit })));
  shown.querySelector(".remarks").replaceChildren(...(told.length ? told : [element("li", { class: "good" }, word("good"))]));
}

const choose = (photo, chosen) => draw(Object.assign(photo, { chosen }));

/** Turns a photo a quarter clockwise; what is sent from now on is the turned one. */
async function turn(photo) {
  try {
    const bitmap = await createImageBitmap(photo.file);
    const canvas = element("canvas", { width: bitmap.height, height: bitmap.width });
    const drawing = canvas.getContext("2d");
    drawing.translate(bitmap.height, 0);
    drawing.rotate(Math.PI / 2);
    drawing.drawImage(bitmap, 0, 0);
    const turned = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.97));
    photo.file = new File([turned], photo.file.name, { type: "image/jpeg" });
    look(photo);
  } catch {
    const broken = problem({ code: "photo_format", message: "", hint: "" });
    photo.shown.querySelector(".remarks").replaceChildren(element("li", {}, broken));
  }
}

const chosenFace = ({ faces, chosen }) => faces?.find((one) => one.number === chosen);
/** The photos and filters that belong to a form that is sent. */
function complete(fields) {
  sent = photos.map((photo) => ({ file: photo.file, face: chosenFace(photo) }));
  for (const photo of photos) {
    fields.append("photo", photo.file);
    fields.append("face", photo.faces?.length ? photo.chosen : "");
    fields.append("found", JSON.stringify(photo.found ?? null));
  }
  for (const filter of form.querySelectorAll("[data-among]"))
    if (filter.value.trim()) fields.append("among", `${filter.dataset.among}=${filter.value}`);
  for (const area of form.querySelectorAll("[data-lines]"))
    for (const line of area.value.split("\n").filter((one) => one.trim())) fields.append(area.dataset.lines, line);
}

/** Draws the face that was asked about into a canvas of the answer. */
async function paint(canvas) {
  const { file, face } = asked[canvas.dataset.place] ?? {};
  const bitmap = face && await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) return canvas.remove();
  const [left, top, right, bottom] = face.box;
  const { width, height } = bitmap;
  const side = Math.min(1.25 * Math.max(right - left, bottom - top), width, height);
  const within = (middle, most) => Math.min(Math.max(middle - side / 2, 0), most - side);
  canvas.width = canvas.height = 224;
  const [x, y] = [within((left + right) / 2, width), within((top + bottom) / 2, height)];
  canvas.getContext("2d").drawImage(bitmap, x, y, side, side, 0, 0, 224, 224);
}

/** Shows what fits a search; what is chosen stays. Returns how many there are. */
function filter(input, rows) {
  const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = new Set([...rows].filter((row) => wanted.every((one) => row.dataset.words.includes(one))));
  for (const row of rows) row.hidden = !fitting.has(row) && !row.querySelector(":checked");
  return fitting.size;
}

document.getElementById("files").addEventListener("change", ({ target }) => {
  add(target.files);
  target.value = "";
});
const place = document.getElementById("drop");
for (const kind of ["dragenter", "dragover", "dragleave", "drop"])
  place.addEventListener(kind, () => place.classList.toggle("over", kind === "dragenter" || kind === "dragover"));
addEventListener("drop", ({ dataTransfer }) => add([...dataTransfer.files].filter((file) => !isTaken(file))));
addEventListener("paste", ({ clipboardData }) => add(clipboardData.files));

form.addEventListener("formdata", ({ formData }) => complete(formData));
form.addEventListener("reset", () => {
  [...photos].forEach(drop);
  answer.replaceChildren();
  comparison.replaceChildren();
});
form.addEventListener("change", () => {
  const count = form.querySelectorAll("[name=term]:checked").length;
  const told = document.getElementById("terms-count");
  told.dataset.none ??= told.textContent;
  told.textContent = count ? told.dataset.text.replace("{count}", count) : told.dataset.none;
});
form.addEventListener("sent", async ({ detail }) => {
  const link = element("a", { download: `gestalt-space-${new Date().toISOString().slice(0, 10)}.html` });
  link.href = URL.createObjectURL(await detail.blob());
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
const search = document.getElementById("term-search"), more = document.getElementById("terms-more");
search.addEventListener("input", () => {
  const text = search.value, shown = filter(search, document.querySelectorAll("#terms-shown li"));
  setTimeout(() => text === search.value && findMore(text, shown), 250);
});
/** Lists further terms below what is chosen of them already, and says how many there are. */
async function findMore(text, shown) {
  const answer = await send(`${search.dataset.address}?${new URLSearchParams({ search: text })}`).catch(() => undefined);
  if (!answer || text !== search.value) return;
  const found = element("ul");
  found.innerHTML = await answer.text();
  const isChosen = (row) => more.querySelector(`[value="${row.querySelector("input").value}"]:checked`);
  const rows = [...found.children].filter((row) => !isChosen(row));
  more.replaceChildren(...[...more.children].filter(isChosen), ...rows);
  more.hidden = !more.childElementCount;
  document.getElementById("terms-found").textContent = text.trim() ? search.dataset.text.replace("{count}", shown + rows.length) : "";
}
search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());

answer.addEventListener("filled", () => {
  asked = sent;
  comparison.replaceChildren();
  if (adding) adding.hidden = false;
  for (const field of adding?.querySelectorAll("[data-same]") ?? [])
    field.value ||= form.elements[field.dataset.same].value;
  answer.querySelectorAll("canvas").forEach(paint);
  answer.scrollIntoView({ block: "start", behavior: "smooth" });
});
comparison.addEventListener("filled", () => comparison.querySelectorAll("canvas").forEach(paint));
// A face that was not kept, or may not be shown, or an average of too few.
for (const part of [answer, comparison])
  part.addEventListener("error", ({ target }) => target.localName === "img"
    && target.replaceWith(element("span", { class: "no-face" }, target.dataset.missing ?? "")), true);
answer.addEventListener("input", ({ target }) =>
  target.dataset.filter !== undefined && filter(target, target.closest(".probe").querySelectorAll("tbody tr")));
answer.addEventListener("change", ({ target }) => {
  if (!target.dataset.line) return;
  const chosen = [...answer.querySelectorAll("[data-line]:checked")];
  if (chosen.length > 2) chosen.find((one) => one !== target).checked = false;
  document.getElementById("compare").disabled = chosen.length < 2;
});
answer.addEventListener("click", ({ target }) => {
  if (target.id !== "compare") return;
  const fields = new FormData();
  for (const one of answer.querySelectorAll("[data-line]:checked")) fields.append("line", one.dataset.line);
  const probe = answer.querySelector("[data-line]:checked").closest(".probe").querySelector("canvas");
  fields.append("place", probe?.dataset.place ?? "0");
  send(target.dataset.address, { method: "POST", body: fields }).then((told) => put(told, comparison))
    .then(() => comparison.scrollIntoView({ block: "start", behavior: "smooth" }), (error) => fail(error, comparison));
});
adding?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = adding.querySelector(".told-here"), button = adding.querySelector("button");
  button.disabled = true;
  told.replaceChildren(word("working"));
  const lines = [];
  try {
    // Each photo by itself: each has a face of its own.
    for (const photo of photos.filter((one) => one.faces?.length)) {
      const fields = new FormData(adding);
      for (const [name, value] of [...fields]) if (!value.trim()) fields.delete(name);
      for (const term of form.querySelectorAll("[name=term]:checked")) fields.append("hpo", term.value);
      fields.append("photo", photo.file);
      fields.append("face", photo.chosen);
      const done = await (await send(adding.getAttribute("action"), { method: "POST", body: fields })).json();
      for (const one of done.photos) {
        const link = element("a", { href: `${adding.dataset.page}?${new URLSearchParams({ patient: one.patient })}` }, one.patient);
        lines.push(one.error ? problem(one.error) : element("p", { class: "result" }, `${one.photo}: `, word(`added.${one.status}`), " ", link));
        lines.push(...(one.notes ?? []).map((note) => element("p", { class: "remark", lang: "en" }, note)));
      }
    }
    told.replaceChildren(...lines);
  } catch (error) {
    fail(error, told);
  }
  settle();
});
settle();
