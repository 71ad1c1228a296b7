package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// clockTick is the unit of CPU times in /proc: a hundredth of a second on
// every Linux that Go runs on (USER_HZ).
const clockTick = 10 * time.Millisecond

// CPU is the user and system time that a process has used so far.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in brackets and may hold blanks.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const utime, stime = 11, 12 // fields 14 and 15 of proc(5), counted after the name
	if len(fields) <= stime {
		return 0, fmt.Errorf("process %d: unreadable times", pid)
	}
	var ticks int64
	for _, field := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// Ran is the time that the threads of a process have been on a CPU, in
// nanoseconds: finer than CPU, for what takes less than a tick. Threads that
// have ended are not in it.
func Ran(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("process %d: no threads: %w", pid, err)
	}
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended since
		}
		first, _, _ := bytes.Cut(text, []byte(" "))
		n, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// Memory is what a process holds of the machine's memory, in bytes.
type Memory struct {
	Resident int64
	// File is the part of it that are pages of files, the program itself
	// above all: shared between processes, and dropped when memory is short.
	File int64
}

// MemoryOf reads a process's memory.
func MemoryOf(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return Memory{}, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return Memory{}, fmt.Errorf("process %d: unreadable size", pid)
	}
	var pages [2]int64
	for i := range pages {
		if pages[i], err = strconv.ParseInt(string(fields[i+1]), 10, 64); err != nil {
			return Memory{}, err
		}
	}
	size := int64(os.Getpagesize())
	return Memory{Resident: pages[0] * size, File: pages[1] * size}, nil
}
