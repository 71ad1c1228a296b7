package command

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// clerk is who runs a command, as the operating system knows them.
type clerk struct{ uid, name string }

func (c clerk) String() string { return strings.TrimSpace("uid " + c.uid + " " + c.name) }

// noLogin is the login uid of a process to which nobody has logged in
// (proc_pid_loginuid(5)).
const noLogin = "4294967295"

// whoRuns returns the user who logged in, as the kernel keeps it through sudo
// and su. Where it keeps none (containers, other systems than Linux) it is the
// user of the process. SUDO_UID is not believed: whoever runs a command
// without sudo may set it to anybody.
func whoRuns() (clerk, error) {
	uid := strconv.Itoa(os.Getuid())
	if raw, err := os.ReadFile("/proc/self/loginuid"); err == nil {
		if login := strings.TrimSpace(string(raw)); login != "" && login != noLogin {
			uid = login
		}
	}
	if n, err := strconv.ParseUint(uid, 10, 32); err != nil || n >= 1<<32-1 {
		return clerk{}, errors.New("the operating system does not say which user runs this command")
	}
	c := clerk{uid: uid}
	if u, err := user.LookupId(uid); err == nil {
		c.name = u.Username
	}
	return c, nil
}
