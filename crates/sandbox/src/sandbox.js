// Moves the clock without leaving the page, so that a long walk shows that it is running.
// Without scripts the form still works: the server sends the browser back to the page.
"use strict";

const form = document.getElementById("clock");

if (form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const state = document.getElementById("clock-state");
    const button = form.querySelector("button");
    button.disabled = true;
    state.textContent = "옮기는 중입니다…";
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ advanceDays: Number(form.elements.advanceDays.value) }),
      });
      const answer = await response.json();
      if (response.ok) {
        location.reload();
        return;
      }
      state.textContent = answer.error.message;
    } catch {
      state.textContent = "서버에 연결하지 못했습니다.";
    }
    button.disabled = false;
  });
}
