"use strict";

// Shows and hides what is typed into a password field. When the form is sent,
// the field is a password field again, so that browsers offer to keep it as one
// and never as a text typed before.
document.querySelectorAll("button.reveal").forEach((button) => {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const label = button.querySelector(".kern-label");
  const status = button.nextElementSibling;
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    label.textContent = visible ? button.dataset.hide : button.dataset.show;
  };
  button.addEventListener("click", () => {
    const visible = input.type === "password";
    show(visible);
    status.textContent = visible ? button.dataset.shown : button.dataset.hidden;
  });
  input.form.addEventListener("submit", () => show(false));
  button.hidden = false;
});
