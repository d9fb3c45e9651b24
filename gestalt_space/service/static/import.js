// Sends a table with its photos: hashes for a preview; to add them, parts that fit a request each.

import { element, fail, put, send, tell, word } from "./page.js";

const form = document.getElementById("import"), rows = document.getElementById("rows");
const told = form.querySelector(".told-here"), table = document.getElementById("table");
const PAUSES = { service_busy: 5000, too_many_requests: 20_000 };

/** The SHA-256 of a photo, where the browser computes it: at an address that is safe. */
async function hashed(photo) {
  if (!crypto.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await photo.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Photos in parts, none of which is too large for a request. */
function parts(photos, room) {
  const made = [[]], most = Number(form.dataset.mostFiles);
  let left = room;
  for (const photo of photos) {
    if (made.at(-1).length === most || photo.size > left) left = (made.push([]), room);
    made.at(-1).push(photo);
    left -= photo.size;
  }
  return made;
}

function show(done, all) {
  const text = form.dataset.done.replace("{done}", done).replace("{all}", all);
  told.replaceChildren(element("progress", { max: all, value: done, "aria-label": text }), ` ${text}`);
}

/** Sends a part; while the service is busy, again. */
async function patiently(address, fields, tries = 10) {
  return send(address, { method: "POST", body: fields }).catch(async (error) => {
    if (!(error.code in PAUSES) || !tries) throw error;
    await new Promise((go) => setTimeout(go, PAUSES[error.code]));
    return patiently(address, fields, tries - 1);
  });
}

async function work(adding) {
  const every = [...document.getElementById("photo").files], chosen = [];
  const room = form.dataset.mostBytes - table.files[0].size - every.length * 300 - 2 ** 16;
  // One that no request can hold counts as missing.
  const photos = every.filter((photo) => photo.size <= room);
  for (const photo of photos) {
    chosen.push({ name: photo.name, sha256: adding ? null : await hashed(photo) });
    show(adding ? 0 : chosen.length, photos.length);
  }
  let done = 0;
  for (const part of adding ? parts(photos, room) : [[]]) {
    const fields = new FormData();
    fields.append("table", table.files[0]);
    fields.append("chosen", new Blob([JSON.stringify(chosen)]), "photos.json");
    fields.append("first", !done);
    for (const photo of part) fields.append("photo", photo);
    const answer = await patiently(adding ? form.getAttribute("action") : form.dataset.preview, fields);
    if (done) {
      const more = element("div");
      more.innerHTML = await answer.text();
      rows.querySelector("tbody").append(...more.querySelectorAll("tbody tr"));
    } else await put(answer, rows);
    done += part.length;
    if (adding) show(done, photos.length);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { add, confirm: question } = event.submitter.dataset;
  if (question && !confirm(question)) return;
  const allow = (is) => form.querySelectorAll("button").forEach((button) => (button.disabled = !is));
  allow(false);
  tell(word("working"), told);
  await work(add !== undefined).then(() => tell("", told), (error) => fail(error, told));
  allow(true);
});
