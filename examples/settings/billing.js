// Shows that the portal is being opened, and ignores further clicks. The page also works without this script: the
// backend lets a second click wait for the result of the first.

const form = document.querySelector("form[action='/settings/billing']");
const buttons = [...form.querySelectorAll("button")];
const labels = buttons.map((button) => button.querySelector(".label"));
const idleTexts = labels.map((label) => label.textContent);
const status = form.querySelector("[role=status]");

// The backend responds within 12 seconds. After that, the person has stopped the page from loading.
const MAX_BUSY_MS = 15_000;
let timer;

// Shows which button was clicked; with null, all of them can be clicked again. The buttons stay focusable, unlike those
// with the attribute `disabled`.
function setOpening(clicked) {
  clearTimeout(timer);
  form.ariaBusy = clicked ? "true" : null;
  buttons.forEach((button, index) => {
    button.ariaDisabled = form.ariaBusy;
    button.classList.toggle("opening", button === clicked);
    labels[index].textContent = button === clicked ? "Opening…" : idleTexts[index];
  });
  status.textContent = clicked ? "Opening the billing portal. This can take a few seconds." : "";
  if (clicked) timer = setTimeout(setOpening, MAX_BUSY_MS, null);
}

form.addEventListener("submit", (event) => {
  if (form.ariaBusy) event.preventDefault();
  else setOpening(event.submitter);
});

// The browser's Back button can restore the page as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) setOpening(null);
});
