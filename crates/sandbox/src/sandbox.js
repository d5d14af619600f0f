// Sends the page's forms without leaving it, so that a long walk of the clock shows that it is
// running and the focus stays. Without scripts the forms still work: the server sends the browser
// back to the page.
"use strict";

const kind = document.getElementById("kind");

// Offers what matters to the kind of fault, and nothing else.
function offer() {
  for (const field of document.querySelectorAll("[data-kinds]")) {
    field.hidden = !field.dataset.kinds.split(" ").includes(kind.value);
    field.querySelector("input").disabled = field.hidden;
  }
}

function show(page) {
  for (const part of document.querySelectorAll("[data-live]")) {
    part.replaceWith(page.getElementById(part.id));
  }
  document.dispatchEvent(new Event("sandbox:changed"));
}

async function send(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const button = form.querySelector("button");
  const said = form.querySelector(".said");
  // Not `disabled`, which would take the focus from the keyboard.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  said.classList.remove("problem");
  said.textContent = form.dataset.doing;
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(form.action, { method: "POST", body });
    if (response.ok) {
      show(new DOMParser().parseFromString(await response.text(), "text/html"));
      said.textContent = form.dataset.done;
    } else {
      said.classList.add("problem");
      said.textContent = (await response.json()).error.message;
    }
  } catch {
    said.classList.add("problem");
    said.textContent = "서버에 연결하지 못했습니다.";
  }
  button.removeAttribute("aria-disabled");
}

for (const form of document.forms) form.addEventListener("submit", send);
kind.addEventListener("change", offer);
offer();
