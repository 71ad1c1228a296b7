package stage_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
)

// parentVariable makes the test binary a parent that starts a child, says its
// number and waits to be killed.
const parentVariable = "STAGE_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	child, err := stage.StartProcess(context.Background(), "child", exec.Command("sleep", "600"), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(child.Pid())
	<-child.Done()
}

func TestAChildDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=yes")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent was killed and says that all is well")
	}
	awaitEnd(t, child)
}

func TestAChildEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	child, err := stage.StartProcess(ctx, "child", exec.Command("sleep", "600"), nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-child.Done()
	child.Stop() // may be called again
}

func TestTheLastWordsOfAChildAreKept(t *testing.T) {
	child, err := stage.StartProcess(t.Context(), "child", exec.Command("sh", "-c", "echo out; echo err >&2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-child.Done()
	if got := child.Tail(); !strings.Contains(got, "out") || !strings.Contains(got, "err") {
		t.Errorf("tail %q", got)
	}
}

// awaitEnd waits until there is no such process, or only its remains.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || strings.Contains(string(status), "State:\tZ") {
			return
		}
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	t.Error("the child outlived its parent")
}
