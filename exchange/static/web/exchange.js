// What pages do better with a script; each works without it.
"use strict";
addEventListener("DOMContentLoaded", () => {
  // A form that came back with mistakes says so first.
  document.querySelector(".summary")?.focus();
  // Copying needs the clipboard, which plain http elsewhere than on this machine does not have.
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = button.dataset.copied;
    });
  }
});
