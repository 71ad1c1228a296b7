package main

import (
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
	l := &lab{root: root, dir: t.TempDir()}
	for _, m := range mutants() {
		if _, err := l.overlay(m); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
