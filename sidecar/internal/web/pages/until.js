"use strict";

// Says that the time of the page is nearly up, five minutes before, and that it
// is up. It counts what the server says is left, since clocks differ, and looks
// again when a sleeping device wakes.
document.querySelectorAll("[data-left]").forEach((until) => {
  const warning = until.querySelector("[role=alert]");
  const more = until.querySelector("button");
  const end = Date.now() + 1000 * until.dataset.left;
  const say = (text) => {
    if (warning.textContent !== text) {
      warning.textContent = text;
      warning.hidden = false;
      until.classList.add("until-soon");
    }
  };
  const look = () => {
    const left = end - Date.now();
    if (left <= 0) {
      say(until.dataset.over);
      if (more) {
        more.hidden = true;
      }
    } else if (left <= 5 * 60 * 1000) {
      say(until.dataset.soon);
    }
  };
  look();
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);
});
