package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// derivation is a computation of argon2id.
type derivation struct {
	Password []byte `json:"password"`
	Salt     []byte `json:"salt"`
	Passes   uint32 `json:"passes"`
	Memory   uint32 `json:"memory"` // KiB
	Threads  uint8  `json:"threads"`
	Length   uint32 `json:"length"`
}

func (d *derivation) computeKey() []byte {
	return argon2.IDKey(d.Password, d.Salt, d.Passes, d.Memory, d.Threads, d.Length)
}

const (
	// idleTime is the time after which a process without work ends.
	idleTime = 30 * time.Second
	// deriveTimeout bounds the wait for a process; a loaded machine gives it little time.
	deriveTimeout = 10 * time.Second
	// processMemory is the memory at which a process collects garbage.
	processMemory = 64 << 20
)

// ServeDerivations is the program of the processes that hash passwords: it reads derivations from in as JSON and writes their keys, until the end of in or
// until it had no work for 30 seconds. Such a process has memory of its own and, on Linux, the lowest priority, so that the calls of the server wait neither
// for the garbage collector nor for the processor.
func ServeDerivations(in io.Reader, out io.Writer) error {
	lowerPriority() // before anything is read, as it starts anew
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(processMemory)
	requests, failed := make(chan derivation), make(chan error, 1)
	go func() {
		for decoder := json.NewDecoder(in); ; {
			var d derivation
			if err := decoder.Decode(&d); err != nil {
				failed <- err
				return
			}
			requests <- d
		}
	}()
	encoder := json.NewEncoder(out)
	for {
		select {
		case d := <-requests:
			if err := encoder.Encode(d.computeKey()); err != nil {
				return fmt.Errorf("accounts: %w", err)
			}
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("accounts: %w", err)
		case <-time.After(idleTime):
			return nil
		}
	}
}

// process hashes passwords in another process, which is started when it is needed. One caller uses it at a time. Without a program, or if it cannot be
// started, passwords are hashed in this process.
type process struct {
	program func() *exec.Cmd
	local   func(*derivation) []byte // hashes in this process
	log     *slog.Logger
	failing *atomic.Bool // the failure was logged

	cmd   *exec.Cmd
	in    io.WriteCloser
	out   io.ReadCloser
	ended chan struct{} // closed when the process has ended
}

// deriveKey returns the key of d.
func (p *process) deriveKey(d *derivation) []byte {
	if p.program == nil {
		return p.local(d)
	}
	for {
		used := p.cmd != nil
		key, err := p.requestKey(d)
		if err == nil {
			p.failing.Store(false)
			return key
		}
		p.end()
		if used { // it may have ended because it had no work
			continue
		}
		if !p.failing.Swap(true) {
			p.log.Warn("the process that hashes passwords does not work; they are hashed in the server", "error", err)
		}
		return p.local(d)
	}
}

func (p *process) requestKey(d *derivation) (key []byte, err error) {
	if p.cmd == nil {
		if err := p.startProgram(); err != nil {
			return nil, err
		}
	}
	running := p.cmd.Process
	stuck := time.AfterFunc(deriveTimeout, func() { _ = running.Kill() })
	defer stuck.Stop()
	if err := json.NewEncoder(p.in).Encode(d); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(p.out).Decode(&key); err != nil {
		return nil, err
	}
	if len(key) != int(d.Length) {
		return nil, fmt.Errorf("a key of %d bytes", len(key))
	}
	return key, nil
}

func (p *process) startProgram() (err error) {
	cmd := p.program()
	if p.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	p.cmd, p.ended = cmd, ended
	return nil
}

// end ends the process, if it runs.
func (p *process) end() {
	if p.cmd == nil {
		return
	}
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.cmd = nil
}

// close ends the processes of all places; callers that hash must have ended.
func (h *hasher) close(ctx context.Context) {
	if !h.processes {
		return
	}
	for range cap(h.places) {
		select {
		case p := <-h.places:
			p.end()
		case <-ctx.Done():
			return
		}
	}
}
