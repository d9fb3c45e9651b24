// Shows how far jobs have come.

import { send } from "./page.js";

const jobs = document.getElementById("jobs");
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
