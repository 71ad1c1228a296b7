package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long a child may take to end by itself.
const stopPatience = 10 * time.Second

// Process is a child that ends with this process: on Stop, when its context
// ends, and, by the kernel, when this process is killed.
type Process struct {
	name string
	cmd  *exec.Cmd
	tail *tail
	done chan struct{}
	err  error
}

// StartProcess runs cmd in a process group of its own. Its output goes to log
// when there is one; the last lines are kept for error messages.
func StartProcess(ctx context.Context, name string, cmd *exec.Cmd, log io.Writer) (*Process, error) {
	p := &Process{name: name, cmd: cmd, tail: &tail{}, done: make(chan struct{})}
	out := io.Writer(p.tail)
	if log != nil {
		out = io.MultiWriter(p.tail, log)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	context.AfterFunc(ctx, func() { p.Stop() })
	return p, nil
}

// run stays on one thread: the kernel sends Pdeathsig when the thread that
// forked ends, not when the process does.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	if err := p.cmd.Start(); err != nil {
		p.err = err
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Pid is the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// answerPatience bounds one question of WaitReady.
const answerPatience = 2 * time.Second

// WaitReady asks url, again after each pause, until it answers 200. It returns
// an error with the process's last lines when that has ended, or ctx has.
func (p *Process) WaitReady(ctx context.Context, url string, pause time.Duration) error {
	client := &http.Client{Timeout: answerPatience}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.name, lastLines(p.Tail(), 15))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.name, ctx.Err(), lastLines(p.Tail(), 15))
		case <-time.After(pause):
		}
	}
}

// Tail returns the last lines that the process wrote.
func (p *Process) Tail() string { return p.tail.String() }

// Stop asks the process to end, and kills its whole group after ten seconds.
// It may be called again.
func (p *Process) Stop() {
	p.signal(syscall.SIGTERM, p.cmd.Process.Pid)
	select {
	case <-p.done:
	case <-time.After(stopPatience):
	}
	p.signal(syscall.SIGKILL, -p.cmd.Process.Pid)
	<-p.done
}

// Kill ends the process at once, as a crash would.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL, -p.cmd.Process.Pid)
	<-p.done
}

func (p *Process) signal(signal syscall.Signal, pid int) {
	err := syscall.Kill(pid, signal)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		fmt.Fprintf(os.Stderr, "stage: %s to %s: %v\n", signal, p.name, err)
	}
}

// tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	bytes []byte
}

const tailLimit = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, b...)
	if over := len(t.bytes) - tailLimit; over > 0 {
		t.bytes = append(t.bytes[:0], t.bytes[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.bytes)
}
