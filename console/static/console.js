// Makes the pages better where scripts run: forms open as dialogs and change their row in
// place. Without it, the same links lead to pages, and the same buttons send forms.

const dialog = document.querySelector("dialog");
const toast = document.querySelector(".toast");
const list = document.querySelector(".tokens");
let opener = ""; // the address of the link that opened the dialog
let silence; // when the toast goes

document.documentElement.classList.add("scripted");

// say shows a message, with a button that takes back what was done, if undo is given.
function say(text, undo) {
  clearTimeout(silence);
  // Nothing outside of a modal dialog is seen or heard.
  (dialog.open ? dialog : document.body).append(toast);
  toast.textContent = text;
  if (undo) {
    const button = document.createElement("button");
    button.className = "link";
    button.textContent = "Undo";
    button.addEventListener("click", () => { toast.textContent = ""; undo(); });
    toast.append(button);
  }
  silence = setTimeout(() => { toast.textContent = ""; }, undo ? 10000 : 6000);
}

function parse(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  localize(body);
  return body;
}

// ask returns the answer to a request for a part of a page, or nothing if it showed the
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
  dialog.querySelector("#errors, [aria-invalid=true], [autofocus], [data-close]")?.focus();
}

async function open(link) {
  const menu = link.closest("details");
  if (menu) { // the dialog gives the focus back to what had it
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const answer = await ask(link.href);
  if (!answer) return;
  opener = link.getAttribute("href");
  show(answer.body);
}

async function send(form, submitter) {
  const button = submitter ?? form.querySelector("button:not([type=button])");
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  const address = button.hasAttribute("formaction") ? button.formAction : form.action;
  const answer = await ask(address, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  button.ariaDisabled = null;
  if (!answer) return;
  if (answer.status === 422 || answer.status === 409) {
    show(answer.body);
    return;
  }
  const inDialog = dialog.contains(form);
  if (inDialog) dialog.close();
  const hasSecret = answer.body.querySelector(".secret");
  const row = change(answer, document.activeElement.matches(".more summary") ? ".more summary" : ".switch, .more summary");
  recount();
  if (hasSecret) return; // it says more, and a message could cover it
  let undo = null;
  if (form.hasAttribute("data-undo")) undo = () => send(document.querySelector(`#${row.id} .switching`));
  else if (form.dataset.restore && address === form.action) undo = () => restore(form.dataset.restore);
  say(button.dataset.said ?? form.dataset.said, undo);
}

// restore brings a deleted token back. If the sign-in is too long ago for that, the page of its form asks again.
async function restore(address) {
  let answer;
  try {
    answer = await fetch(address, { method: "POST", headers: { "Keyporter-Fragment": "1" } });
  } catch {
    say("Keyporter can’t be reached. The token is still under Deleted tokens.");
    return;
  }
  if (answer.status !== 201) {
    location.assign(address);
    return;
  }
  const row = parse(await answer.text()).querySelector(".token");
  document.getElementById(row.dataset.list).tHead.after(row);
  row.querySelector(".switch, .more summary").focus();
  recount();
  say("Restored. It’s off.");
}

// recount shows how many there are now, in each tab and on all pages.
async function recount() {
  if (!document.querySelector(".tabs")) return;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { "Keyporter-Fragment": "1" } });
  } catch {
    return;
  }
  if (!answer.ok) return;
  const fresh = parse(await answer.text());
  for (const part of [".tabs", ".pages"]) {
    const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
    if (old) old.hidden = !now; // nothing is left
    if (old && now && !old.contains(document.activeElement)) old.replaceWith(now);
  }
  if (!/[?&](q|state|unused|expiring|rotated)=/.test(location.search)) return;
  // A row stays where it is, even if it changed and the list wouldn't have it now.
  const others = [...document.querySelectorAll("tbody.token")].filter((row) => !fresh.querySelector("#" + row.id)).length;
  const count = document.querySelector(".pages span");
  if (others && count) count.textContent += `, and ${others} that no longer match${others === 1 ? "es" : ""}`;
}

// change puts what a form has changed into the list, and returns its row. focus finds, in a row that
// replaces another one, what the reader was at.
function change({ status, body }, focus) {
  const row = body.querySelector(".token");
  if (status === 201) {
    document.getElementById(row.dataset.list).tHead.after(row);
    if (row.querySelector(".secret")) focusSecret(row);
    return row;
  }
  if (status === 204) {
    const gone = document.querySelector(`.token:has(a[href="${opener}"])`); // unless the stream was faster
    (gone ? remove(gone) : document.querySelector(".token .more summary, .empty .button"))?.focus();
    return;
  }
  const old = document.getElementById(row.id);
  const isNew = row.querySelector(".secret");
  const secret = old.querySelector("tr:has(> td > .secret)"); // it stays until the page is left
  if (secret && !isNew) {
    row.append(secret);
    if (row.querySelector(".switch[aria-checked=true]")) waitAgain(row);
  }
  old.replaceWith(row);
  if (isNew) focusSecret(row);
  else row.querySelector(focus)?.focus();
  return row;
}

// remove removes a row, and returns what is to have the focus instead: the next row, or the first step.
function remove(row) {
  const place = row.closest("section");
  const next = [row.nextElementSibling, row.previousElementSibling].find((other) => other?.matches(".token, .connection"));
  row.remove();
  return next?.querySelector(".more summary, .ends a") ?? place.querySelector(".empty .button") ?? place.querySelector("h2");
}

// focusSecret shows a new secret in the middle of the window.
function focusSecret(row) {
  (row.querySelector("[data-start]") ?? row.querySelector("[data-copy]")).focus({ preventScroll: true });
  row.querySelector(".secret").scrollIntoView({ block: "center" });
}

// copyText copies what an element holds, and reports whether the browser let us.
async function copyText(source, button) {
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    return true;
  } catch { // not over plain HTTP, and not if the reader forbade it
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) {
      say("Your browser doesn’t let us copy. It is selected now: press Ctrl+C.");
      return false;
    }
    button.focus();
    return true;
  }
}

async function copy(button) {
  if (!await copyText(document.getElementById(button.dataset.copy), button)) return;
  const label = button.querySelector("span");
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
  say("Copied.");
}

// start switches a new token on, and copies its first call in the chosen language.
async function start(button) {
  const row = document.getElementById(button.dataset.start);
  const shown = [...row.querySelectorAll(".snippets pre")].find((pre) => pre.checkVisibility());
  const copied = await copyText(shown.firstElementChild, button);
  const form = row.querySelector(".switching:has([aria-checked=false])");
  if (form) await send(form);
  if (copied) say(`${form ? "Switched on, and the" : "The"} call is copied. Paste it into ${shown.matches(".curl") ? "a terminal" : "your program"}.`);
  const again = document.querySelector(`[data-start="${row.id}"]`); // the panel may be another one
  if (!again) return;
  again.querySelector("span").textContent = "Copy again";
  again.focus();
}

// forget removes a new secret from the page.
function forget(button) {
  const row = button.closest(".token");
  button.closest("tr").remove();
  row.querySelector(".switch, .more summary")?.focus();
}

// tryIt makes the example's call from here, and shows what the API answers.
async function tryIt(button) {
  const secret = button.closest(".secret"); // its row may be replaced meanwhile
  let text;
  try {
    if (new URL(button.dataset.try, location).origin !== location.origin) throw new Error("elsewhere");
    const answer = await fetch(button.dataset.try, { headers: { ApiToken: secret.querySelector("input").value }, credentials: "omit", redirect: "manual" });
    const body = (await answer.text()).slice(0, 2000);
    text = `${answer.status} ${answer.statusText}\n${answer.headers.get("WWW-Authenticate") ?? ""}\n${body}`;
  } catch {
    text = "The API can’t be reached from here.";
  }
  let shown = secret.querySelector(".tried");
  if (!shown) {
    shown = document.createElement("pre");
    shown.className = "tried";
    shown.tabIndex = 0;
    shown.setAttribute("aria-label", "Answer of the API");
    secret.append(shown);
  }
  shown.textContent = text.replace(/\n+/g, "\n").trim();
}

// The panels of first calls as they were before a call was refused, by row: after what was wrong is mended, they wait again.
const waitingPanels = new Map();
function waitAgain(row) {
  const refused = row.querySelector(".secret .first-call:has(> .bad)");
  if (refused && waitingPanels.has(row.id)) refused.replaceWith(waitingPanels.get(row.id));
}

// While a dialog is open, nothing behind it changes: it gives the focus back to what opened it. Nor does anything under a
// finger or a pressed button: what is pressed on has to be there when it is released.
const missed = new Set();
let pressed = false;
const held = () => dialog.open || pressed;
function catchUp() {
  for (const id of [...missed]) {
    missed.delete(id);
    hear(id);
  }
}
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel", "blur"]) {
  addEventListener(end, () => setTimeout(() => { // after the click
    pressed = false;
    if (!held()) catchUp();
  }), true);
}
const asking = new Set(); // of two answers about the same row, the older one must not come last
async function hear(id) {
  if (live.dataset.report && live.dataset.report !== id) return;
  if (held() || asking.has(id)) {
    missed.add(id);
    return;
  }
  asking.add(id);
  await (live.dataset.report ? renew(live) : refresh(id));
  asking.delete(id);
  if (!held() && missed.delete(id)) hear(id);
}

// Rows change by themselves: last uses, counts, and what was switched elsewhere.
async function refresh(id) {
  let answer;
  try {
    const waits = document.querySelector(`#token-${id} .secret .first-call`);
    answer = await fetch(`${rows}/${id}/row${waits ? "?first=1" : ""}`, { headers: { "Keyporter-Fragment": "1" } });
  } catch {
    return; // the stream says so
  }
  if (answer.status === 404) gone(id);
  if (!answer.ok) return;
  const row = parse(await answer.text()).querySelector(".token, .connection");
  if (held()) {
    missed.add(id);
    return;
  }
  const old = document.getElementById(row.id);
  const news = row.querySelector("tr[hidden] > td > .first-call");
  if (!old) { // a list that is filtered, sorted, or isn't at its beginning doesn't grow
    if (!live.hasAttribute("data-grows")) return;
    if (row.dataset.list) document.getElementById(row.dataset.list).tHead.after(row);
    else live.querySelector(".connections")?.prepend(row);
    return;
  }
  const panel = old.querySelector(".secret .first-call");
  if (panel && news) {
    if (panel.matches(".waiting")) waitingPanels.set(row.id, panel);
    panel.replaceWith(news);
  }
  if (old.contains(document.activeElement) && !old.querySelector(".secret")?.contains(document.activeElement)) {
    const at = [...old.querySelectorAll(focusable)].indexOf(document.activeElement);
    replaceRow(old, row);
    row.querySelectorAll(focusable)[at]?.focus({ preventScroll: true });
    return;
  }
  replaceRow(old, row);
}

const focusable = "a, button, summary, input";

// renew shows the page of a token or a connection as it is now, unless somebody is about to do something with it.
async function renew(page) {
  let answer;
  try {
    answer = await fetch(`${rows}/${page.dataset.report}/report${location.search}`, { headers: { "Keyporter-Fragment": "1" } });
  } catch {
    return;
  }
  if (!answer.ok) return;
  const fresh = parse(await answer.text()).querySelector("[data-report]");
  if (!fresh || held() || page.contains(document.activeElement) || page.querySelector("details[open]")) return;
  page.replaceChildren(...fresh.childNodes);
}

// replaceRow keeps a secret, which stays until the page is left, and open menus.
function replaceRow(old, row) {
  if (old.querySelector("details[open]")) return; // somebody is about to do something with it
  const secret = old.querySelector("tr:has(> td > .secret)");
  const active = document.activeElement;
  if (secret) row.append(secret);
  old.replaceWith(row);
  if (secret?.contains(active)) active.focus({ preventScroll: true });
}

function gone(id) {
  const row = document.getElementById("token-" + id) ?? document.getElementById("connection-" + id);
  const hasFocus = row?.contains(document.activeElement);
  const next = row && remove(row);
  if (hasFocus) next.focus();
}

// resume asks for what nobody told us while the stream was broken.
async function resume() {
  const shown = [...live.querySelectorAll(".token, .connection")].map((row) => row.id.replace(/^[a-z]+-/, ""));
  for (const id of live.dataset.report ? [live.dataset.report] : shown) await hear(id);
}

const live = document.querySelector("[data-live]");
const rows = live?.dataset.live.replace("/live", "");
if (live) {
  const stream = new EventSource(live.dataset.live);
  stream.addEventListener("row", (event) => hear(event.data));
  stream.addEventListener("gone", (event) => gone(event.data));
  let opened = false;
  stream.addEventListener("open", () => {
    if (opened) resume();
    opened = true;
  });
  stream.addEventListener("ended", () => { stream.close(); location.reload(); });
  addEventListener("pagehide", () => stream.close());
}

// Times are shown in the reader's time zone.
const clock = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
const clockAndYear = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", year: "numeric", hour: "numeric", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", year: "numeric" });
const whole = new Intl.DateTimeFormat("en-US", { dateStyle: "full", timeStyle: "long" });

// What is less than a day ago is shown as on the server, and by its clock.
const ahead = new Date(document.body.dataset.now) - Date.now() || 0; // of ours
function ago(at) {
  const minutes = Math.max(0, Math.floor((Date.now() + ahead - at) / 60000));
  if (minutes < 1) return "just now";
  const [n, unit] = minutes < 60 ? [minutes, "minute"] : [Math.floor(minutes / 60), "hour"];
  return n < 24 || unit === "minute" ? `${n} ${unit}${n === 1 ? "" : "s"} ago` : clock.format(at);
}
function passTime() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(passTime, 30000);
document.addEventListener("visibilitychange", passTime); // browsers slow down the clocks of tabs that nobody sees

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    if (/^just now$| ago$/.test(time.textContent)) time.dataset.ago = "";
    time.title = whole.format(at);
    if (time.hasAttribute("data-day")) time.textContent = calendar.format(at);
    if (time.textContent.endsWith(" UTC")) time.textContent = (/ \d{4},/.test(time.textContent) ? clockAndYear : clock).format(at);
  }
  for (const field of root.querySelectorAll(".expiry")) chooseZone(field);
}

// chooseZone makes the days of a form those of the reader. A zone that is there already was sent before.
function chooseZone(field) {
  const zone = field.querySelector("[name=zone]");
  if (zone.value) return;
  zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const now = new Date(field.dataset.now);
  for (const time of field.querySelectorAll("time")) {
    const { days = 0, years = 0 } = time.dataset;
    time.textContent = calendar.format(new Date(now.getFullYear() + Number(years), now.getMonth(), now.getDate() + Number(days)));
  }
  const day = field.querySelector("[type=date]");
  day.min = isoDay(now);
  if (day.dataset.last) day.value = isoDay(new Date(day.dataset.last));
  for (const name of field.querySelectorAll(".zone")) name.remove();
}

function isoDay(time) {
  return new Date(time - time.getTimezoneOffset() * 60000).toISOString().slice(0, 10);
}
localize(document);

// A form that can be previewed shows what it would change as soon as something is chosen.
// Of several answers under way, only the last counts.
let previews = 0;
async function preview(form) {
  const mine = ++previews;
  const answer = await ask(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer && mine === previews) form.querySelector(".preview").replaceChildren(...answer.body.childNodes);
}

// Filters take effect as soon as they are chosen.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-filter] select")) event.target.form.requestSubmit();
  if (event.target.matches("[data-all]")) {
    for (const box of event.target.closest("table").querySelectorAll("td.check input")) box.checked = event.target.checked;
  }
  const selected = document.querySelector("[data-selected]");
  if (selected) selected.textContent = document.querySelectorAll("td.check :checked").length + " selected";
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-filter]")) return;
  const at = document.activeElement;
  if (event.target.contains(at)) sessionStorage.setItem("filtering", at.name);
  for (const field of event.target.elements) if (!field.value) field.disabled = true; // a short address
});

// The page with what was found has the focus where the reader was, so that they can go on filtering.
const filtering = sessionStorage.getItem("filtering");
sessionStorage.removeItem("filtering");
if (filtering) {
  const field = document.querySelector(`[data-filter] [name="${CSS.escape(filtering)}"]`);
  field?.focus({ preventScroll: true });
  field?.setSelectionRange?.(field.value.length, field.value.length);
}

let settle;
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-preview]");
  if (!form || !event.target.matches("[type=radio], [type=checkbox]")) return;
  clearTimeout(settle);
  settle = setTimeout(() => preview(form), 150);
});

document.querySelector("#errors, [aria-invalid=true]")?.focus();

// What the form before has done is said once, not again when the page is reloaded.
if (/[?&](done|new)=/.test(location.search)) {
  const address = new URL(location);
  for (const field of ["done", "new", "n", "same", "gone", "token", "proof"]) address.searchParams.delete(field);
  history.replaceState(null, "", address);
}
document.querySelector(".secret")?.scrollIntoView({ block: "center" });

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[name=menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details[name=menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details[name=menu]"));
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const at = event.target.closest("[data-dialog], [data-close], [data-copy], [data-start], [data-try], [data-done], [data-show]");
  if (!at) return;
  if (at.matches("[data-copy]")) copy(at);
  else if (at.matches("[data-start]")) start(at);
  else if (at.matches("[data-try]")) tryIt(at);
  else if (at.matches("[data-done]")) forget(at);
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
  send(event.target, event.submitter);
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
  catchUp();
});
