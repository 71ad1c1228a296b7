// Package browser drives a real Chromium as a person would: isolated profiles,
// typing into labelled fields, pressing buttons by their text, reading what
// stands on the page, pictures of it, and the accessibility checker.
//
// It knows nothing of Schleuse, and it never waits by time: it looks until the
// page says what is expected, or a deadline ends the test with what was seen.
package browser
