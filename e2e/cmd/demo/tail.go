package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/schleuse/schleuse/e2e/home"
	"github.com/schleuse/schleuse/e2e/play"
)

// tailLength is how many entries of the audit the home page shows.
const tailLength = 30

// tail reads the audit as an operator would: by the command line.
func tail(ctx context.Context, set *play.Play, schleuse *play.Schleuse) ([]home.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := set.Run(ctx, "audit", "tail", "--config", schleuse.Config, "-n", fmt.Sprint(tailLength))
	if err != nil {
		return nil, err
	}
	var entries []home.Entry
	for line := range strings.Lines(out) {
		var entry home.Entry
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			return nil, fmt.Errorf("reading the audit: %w", err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
