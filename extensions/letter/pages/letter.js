"use strict";

// The letter's QR code was opened in this tab before: its code is at hand, and
// need not be typed. It is forgotten as soon as it is sent.
const place = "schleuse.letter";
const field = document.getElementById("f-code");

function kept() {
  try {
    return sessionStorage.getItem(place) || "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

const code = kept();
if (field && field.value === "" && /^[0-9A-Z]{12}$/.test(code)) {
  field.value = code.replace(/(....)(?=.)/g, "$1-");
  document.getElementById("scanned").hidden = false;
}
if (field) {
  field.form.addEventListener("submit", () => {
    if (code !== "" && field.value.replace(/-/g, "") === code) {
      sessionStorage.removeItem(place);
    }
  });
}
