package main

import (
	"path/filepath"
	"testing"

	"github.com/schleuse/schleuse/e2e/stage"
)

// A rule whose text has moved is tried no more: that shall not wait for the
// hour in which all of them are tried.
func TestEachRuleStandsWhereItIsTakenOut(t *testing.T) {
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := read(filepath.Join(root, "e2e", "mutants.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		if _, err := without(root, t.TempDir(), rule); err != nil {
			t.Errorf("%s: %v", rule.Rule, err)
		}
	}
}
