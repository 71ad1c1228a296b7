"use strict";

// A hint while somebody types, no rule: long and varied passwords are hard to
// guess. It says nothing of a password that is still shorter than eight.
const input = document.getElementById("f-password");
const status = document.getElementById("strength");

function bits(text) {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/];
  const sizes = [26, 26, 10, 33];
  const size = kinds.reduce((sum, kind, i) => sum + (kind.test(text) ? sizes[i] : 0), 0);
  const different = new Set(text).size;
  return Math.min(text.length, 2 * different) * Math.log2(size || 1);
}

input.addEventListener("input", () => {
  const n = bits(input.value);
  const word = n < 50 ? "weak" : n < 75 ? "fair" : "good";
  const text = status.dataset[word];
  status.hidden = input.value.length < 8;
  if (status.textContent !== text) {
    status.textContent = text;
  }
});
