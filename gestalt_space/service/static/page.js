// Sends forms without leaving the page, and tells what came of it in the reader's language.

const root = document.documentElement;
const words = JSON.parse(document.getElementById("words").textContent);

/** A word of the page, with its values put in. */
export function word(key, values = {}) {
  return (words[key] ?? words["error.error"]).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** An element with attributes and children; texts stay texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** The answer to a request; its error is thrown as the service tells it. */
export async function send(address, options = {}) {
  const headers = { "X-CSRF-Token": root.dataset.csrf, ...options.headers };
  let answer;
  try {
    answer = await fetch(address, { ...options, headers });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw { code: "unreachable", message: "", hint: "" };
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw told.error ?? { code: "error", message: `HTTP ${answer.status}`, hint: "" };
}

/** Says something, to a screen reader too, in the page or at `place`. */
export function tell(text, place = document.getElementById("told")) {
  place.replaceChildren(...(text ? [element("p", { class: "result" }, text)] : []));
}

/** An error in the reader's language, with the detail below it. */
export function problem(error) {
  const code = `error.${error.code}` in words ? `error.${error.code}` : "error.error";
  const said = element("p", {}, element("strong", {}, word(code))), box = element("div", { class: "problem", role: "alert" }, said);
  if (error.code === "not_authenticated")
    box.append(element("p", {}, element("a", { href: `${root.dataset.root}/login` }, word("log_in"))));
  const detail = [error.message, error.hint].filter(Boolean).join(" ");
  // What does not fit stands in the detail alone.
  if (detail) box.append(element("details", { open: ["usage", "patient_conflict", "user"].includes(error.code) },
    element("summary", {}, word("details")), element("p", { lang: "en" }, detail)));
  return box;
}

/** Shows an error at `place`. What is no error of the service is a fault of a script. */
export function fail(error, place = document.getElementById("told")) {
  if (error.name === "AbortError") return;
  if (error instanceof Error) {
    console.error(error);
    error = { code: "error", message: String(error), hint: "" };
  }
  place.replaceChildren(problem(error));
  place.scrollIntoView({ block: "nearest" });
}

/** Puts the HTML of an answer into a place, and moves the focus there. */
export async function put(answer, place) {
  place.innerHTML = await answer.text();
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
  place.dispatchEvent(new CustomEvent("filled", { bubbles: true }));
}

/** Sends a form as its attributes say, and first those of the button. */
export async function submit(form, submitter) {
  const { into, then, done, confirm: question, json } = { ...form.dataset, ...submitter?.dataset };
  if (question && !confirm(question)) return;
  const told = form.querySelector(".told-here")
    ?? form.insertAdjacentElement("beforeend", element("div", { class: "told-here", role: "status" }));
  const fields = new FormData(form, submitter);
  const method = (submitter?.getAttribute("formmethod") ?? form.getAttribute("method")).toUpperCase();
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  const busy = [...form.querySelectorAll("button")].filter((button) => !button.disabled);
  busy.forEach((button) => (button.disabled = true));
  form.setAttribute("aria-busy", "true");
  // What is done at once need not be told.
  const working = setTimeout(() => tell(word("working"), told), 120);
  try {
    const options = { method };
    if (json !== undefined) {
      options.body = JSON.stringify(Object.fromEntries(fields));
      options.headers = { "Content-Type": "application/json" };
    } else if (method !== "GET") options.body = fields;
    const query = method === "GET" ? `?${new URLSearchParams(fields)}` : "";
    const answer = await send(address + query, options);
    tell(done ?? "", told);
    if (into) await put(answer, document.querySelector(into));
    else form.dispatchEvent(new CustomEvent("sent", { bubbles: true, detail: answer }));
    if (then) location.assign(answer.headers.get("Location") ?? then);
  } catch (error) {
    fail(error, told);
  } finally {
    clearTimeout(working);
    busy.forEach((button) => (button.disabled = false));
    form.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.send === undefined || event.defaultPrevented) return;
  event.preventDefault();
  submit(event.target, event.submitter);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});
// A photo that is dropped beside its place must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
