// A window without a CLOSEURL has to go away by itself: the frame asks the page around it to be
// removed, the pop-up closes.
"use strict";

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => {
    if (window.parent !== window) {
      window.parent.postMessage({ type: "kiwoompay:close" }, "*");
    }
    window.close();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    document.querySelector("[data-close], button[value=close]")?.click();
  }
});
