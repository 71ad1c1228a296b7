"use strict";

// The code stands behind the # of the address, which no browser sends. It is
// kept for this tab, and the address is cleared of it.
const place = "schleuse.letter";
const form = /^[0-9A-Z]{12}$/;
const code = location.hash.slice(1).toUpperCase();

function keep() {
  if (form.test(code)) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.setItem(place, code);
  }
  return form.test(sessionStorage.getItem(place) || "");
}

try {
  const kept = keep();
  document.getElementById("kept").hidden = !kept;
  document.getElementById("type").hidden = kept;
} catch {
  // A browser that keeps nothing: the page says to type it.
}
