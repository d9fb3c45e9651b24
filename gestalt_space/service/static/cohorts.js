// Shows how far jobs have come, and the second group where two are compared.

import { send } from "./page.js";

const jobs = document.getElementById("jobs"), kind = document.getElementById("kind");
const settle = () => {
  document.getElementById("first").hidden = kind.value === "evaluation";
  document.getElementById("second").hidden = kind.value !== "comparison";
};
kind.addEventListener("change", settle);
settle();

let shown = "";
setInterval(async () => {
  if (document.hidden || !jobs.querySelector("[data-running]")) return;
  try {
    const text = await (await send(jobs.dataset.address)).text();
    if (text === shown) return;
    shown = text;
    const focused = jobs.contains(document.activeElement) && document.activeElement.id;
    jobs.innerHTML = text;
    if (focused) document.getElementById(focused)?.focus();
  } catch {
    // The next look tells.
  }
}, 2000);
