// Makes the pages better where scripts run: forms open as dialogs and change their row in
// place. Without it the same links lead to pages, and the same buttons send forms.

const dialog = document.querySelector("dialog");
const toast = document.querySelector(".toast");
const list = document.querySelector(".tokens");
let opener = ""; // the address of the link that opened the dialog
let silence; // when the toast goes

document.documentElement.classList.add("scripted");

function say(text) {
  clearTimeout(silence);
  // In a modal dialog nothing outside is seen or heard.
  (dialog.open ? dialog : document.body).append(toast);
  toast.textContent = text;
  silence = setTimeout(() => { toast.textContent = ""; }, 6000);
}

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

// ask returns the answer to a request for a part of a page, or nothing when it showed the
// reader what went wrong.
async function ask(address, options = {}) {
  let answer, body;
  try {
    answer = await fetch(address, { ...options, headers: { "Keyporter-Fragment": "1" } });
    body = parse(await answer.text());
  } catch {
    say("Keyporter can’t be reached. Reload the page to see the current state.");
    return;
  }
  if (answer.status === 401) {
    location.assign("/sign-in?ended=1&again=1&next=" + encodeURIComponent(location.pathname));
    return;
  }
  const problem = body.querySelector("[data-message]");
  if (problem) {
    say(problem.textContent);
    return;
  }
  return { status: answer.status, body };
}

function show(body) {
  dialog.replaceChildren(...body.childNodes);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[aria-invalid=true], [autofocus], [data-close]")?.focus();
}

async function open(link) {
  const answer = await ask(link.href);
  if (!answer) return;
  opener = link.getAttribute("href");
  show(answer.body);
}

async function send(form) {
  const button = form.querySelector("button:not([type=button])");
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  const answer = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  button.ariaDisabled = null;
  if (!answer) return;
  if (answer.status === 422 || answer.status === 409) {
    show(answer.body);
    return;
  }
  const inDialog = dialog.contains(form);
  if (inDialog) dialog.close();
  change(answer, inDialog ? `a[href="${opener}"]` : ".switch");
  say(form.dataset.said);
}

// change puts what a form has changed into the list. focus finds, in the row that
// replaces another one, what the reader was at.
function change({ status, body }, focus) {
  const row = body.querySelector(".token");
  if (status === 201) {
    document.getElementById(row.dataset.list).prepend(row);
    focusSecret(row);
    return;
  }
  if (status === 204) {
    const gone = document.querySelector(`.token:has(a[href="${opener}"])`);
    gone?.closest("section").querySelector("h2").focus();
    gone?.remove();
    return;
  }
  const old = document.getElementById(row.id);
  const isNew = row.querySelector(".secret");
  const secret = old.querySelector(".secret"); // it stays until the page is left
  if (secret && !isNew) row.append(secret);
  old.replaceWith(row);
  if (isNew) focusSecret(row);
  else row.querySelector(focus)?.focus();
}

// focusSecret shows a new secret where no message covers it.
function focusSecret(row) {
  row.querySelector("[data-copy]").focus();
  row.querySelector(".secret").scrollIntoView({ block: "center" });
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
  } catch { // not over plain HTTP, and not when the reader forbade it
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) {
      say("Your browser doesn’t let us copy. It is selected now: press Ctrl+C.");
      return;
    }
    button.focus();
  }
  const label = button.querySelector("span");
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
  say("Copied.");
}

// A form that can be previewed shows what it would change as soon as something is chosen.
// Of several answers under way only the last counts.
let previews = 0;
async function preview(form) {
  const mine = ++previews;
  const answer = await ask(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer && mine === previews) form.querySelector(".preview").replaceChildren(...answer.body.childNodes);
}

let settle;
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-preview]");
  if (!form || !event.target.matches("[type=radio], [type=checkbox]")) return;
  clearTimeout(settle);
  settle = setTimeout(() => preview(form), 150);
});

document.querySelector("[aria-invalid=true]")?.focus();

// What the form before has done is said once, not again when the page is reloaded.
if (location.search.includes("done=")) {
  const address = new URL(location);
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}

document.addEventListener("click", (event) => {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const at = event.target.closest("[data-dialog], [data-close], [data-copy], [data-show]");
  if (!at) return;
  if (at.matches("[data-copy]")) copy(at);
  else if (at.matches("[data-show]")) preview(at.form);
  else if (at.matches("[data-dialog]")) open(at);
  else if (dialog.open) dialog.close();
  else return;
  event.preventDefault();
});

document.addEventListener("submit", (event) => {
  // On a page of its own, where there is no list to change, a form is sent as forms are.
  if (!list || !event.target.matches("[data-fetch]")) return;
  event.preventDefault();
  send(event.target);
});

// A click beside the dialog closes it, unless it began inside: selecting text must not.
let began;
dialog.addEventListener("pointerdown", (event) => { began = event.target; });
dialog.addEventListener("click", (event) => {
  if (event.target === dialog && began === dialog) dialog.close();
});
dialog.addEventListener("close", () => {
  document.body.append(toast);
  dialog.replaceChildren();
});
