// Filters the claims of the ledger: every word of the text, and the three choices.
"use strict";

const form = document.getElementById("filters");
const claims = Array.from(document.querySelectorAll("#list > .claim"));
const choices = ["document", "status", "kind"];

function apply() {
  const words = form.elements.text.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const claim of claims) {
    const fits =
      choices.every((name) => !form.elements[name].value || claim.dataset[name] === form.elements[name].value) &&
      words.every((word) => claim.dataset.words.includes(word));
    claim.hidden = !fits;
    shown += fits;
  }
  document.getElementById("shown").textContent = `${shown} of ${claims.length} claims`;
}

// A link with ?status=erratum or ?text=4.67 opens the ledger filtered.
for (const [name, value] of new URLSearchParams(location.search)) {
  if (choices.includes(name) || name === "text") form.elements[name].value = value;
}

// A link to one claim shows it, whatever is filtered.
function reveal() {
  const claim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (claim && claim.hidden) {
    form.reset();
    apply();
    claim.scrollIntoView();
  }
}

form.addEventListener("input", apply);
form.addEventListener("reset", () => setTimeout(apply));
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", reveal);
apply();
reveal();
