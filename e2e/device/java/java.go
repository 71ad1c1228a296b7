package java

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed schleuse/*.java
var sources embed.FS

// Refused is the server's no; Word is that of the problem, e.g. "factors".
type Refused struct{ Word string }

func (r *Refused) Error() string { return "refused: " + r.Word }

// refusedStatus is the exit status of a command that the server refused.
const refusedStatus = 3

// Classes is a directory of compiled classes.
type Classes string

// Compile compiles the phone into dir, with every warning an error. It needs
// javac 17 or later on the PATH.
func Compile(ctx context.Context, dir string) (Classes, error) {
	if err := os.CopyFS(dir, sources); err != nil {
		return "", fmt.Errorf("laying out the sources: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "schleuse", "*.java"))
	if err != nil {
		return "", err
	}
	arguments := append([]string{"--release", "17", "-encoding", "UTF-8", "-Xlint:all", "-Werror", "-d", dir}, files...)
	if output, err := exec.CommandContext(ctx, "javac", arguments...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling (a JDK of 17 or later is needed; Debian: openjdk-17-jdk-headless): %w\n%s", err, output)
	}
	return Classes(dir), nil
}

// Run runs a class of the phone and returns its standard output. A command that
// the server refused is a *Refused.
func (c Classes) Run(ctx context.Context, class string, arguments ...string) ([]byte, error) {
	arguments = append([]string{"-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", string(c), "schleuse." + class}, arguments...)
	cmd := exec.CommandContext(ctx, "java", arguments...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.Bytes(), nil
	case errors.As(err, &exit) && exit.ExitCode() == refusedStatus:
		return nil, &Refused{Word: string(bytes.TrimSpace(said.Bytes()))}
	}
	return nil, fmt.Errorf("running %s: %w\n%s", class, err, said.Bytes())
}
