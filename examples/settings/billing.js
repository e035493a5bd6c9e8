// Shows that the portal is being opened, and ignores further clicks. The page also works without this script: the
// backend lets a second click wait for the result of the first.

const form = document.querySelector("form[action='/settings/billing']");
const button = form.querySelector("button");
const label = button.querySelector(".label");
const status = form.querySelector("[role=status]");
const idleText = label.textContent;

// The backend responds within 12 seconds. After that, the person has stopped the page from loading.
const MAX_BUSY_MS = 15_000;
let timer;

// The button stays focusable, unlike one with the attribute `disabled`.
function setBusy(isBusy) {
  clearTimeout(timer);
  button.ariaDisabled = isBusy ? "true" : null;
  form.ariaBusy = isBusy ? "true" : null;
  label.textContent = isBusy ? "Opening…" : idleText;
  status.textContent = isBusy ? "Opening the billing portal. This can take a few seconds." : "";
  if (isBusy) timer = setTimeout(setBusy, MAX_BUSY_MS, false);
}

form.addEventListener("submit", (event) => {
  if (form.ariaBusy) event.preventDefault();
  else setBusy(true);
});

// The browser's Back button can restore the page as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) setBusy(false);
});
