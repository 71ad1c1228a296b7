"use strict";

// The code stands behind the # of the address, which no browser sends. It is
// kept for this tab, and the address is cleared of it.
const code = location.hash.slice(1).toUpperCase();
if (/^[0-9A-Z]{12}$/.test(code)) {
  history.replaceState(null, "", location.pathname);
  try {
    sessionStorage.setItem("schleuse.letter", code);
    document.getElementById("kept").hidden = false;
    document.getElementById("type").hidden = true;
  } catch {
    // A browser that keeps nothing: the page says to type it.
  }
}
