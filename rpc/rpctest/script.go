// Package rpctest runs protocol scripts: text files with the frames of a connection in both directions. The same
// files run over a pipe, a WebSocket and HTTP.
//
// The beginning of a line is its kind:
//
//	// comment
//	#only pipe ws          the script runs on these transports alone
//	--> {...}              the client sends this frame; the rest of the line goes out as it is
//	-->hex c3 28           ... a frame of these bytes
//	-->big 300000          ... a frame of that many bytes
//	-->frame 89 hi         ... a WebSocket frame with that first byte (hexadecimal) and payload
//	-->wire 81 02 7b 7d    ... these bytes below the WebSocket
//	-->times 20 {...}      ... this frame so many times
//	<-- {...}              the client receives this JSON: members are compared, order is not
//	<-- close 4507         the connection is closed with this code
//	<-- nothing            no reply came to the frames before
//	<--times 20 {...}      the client receives this so many times
//	==> wait 10s           the transport does something of its own
//
// In expected JSON the string "*" stands for any value, and an object with the member "..." may have more members.
// Numbers are compared as they are written. An array in {"unordered":[...]} matches any order of frames that follow one another: each element is one frame.
package rpctest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// Conn is a client's end of a transport.
type Conn interface {
	// Send sends one frame.
	Send(frame []byte) error
	// Receive returns the next frame, or the close code when the connection has ended.
	Receive() (frame []byte, closeCode int, err error)
	// Quiet returns an error when anything has come that was not received; it may send a call of its own to find out.
	Quiet() error
}

// Wire is a Conn of a WebSocket whose client can send invalid data.
type Wire interface {
	Conn
	// SendRaw sends bytes below the WebSocket.
	SendRaw(b []byte) error
}

// Doer is a Conn with steps of its own: lines that begin with ==>.
type Doer interface {
	Conn
	// Do runs the words of a step.
	Do(words []string) error
}

// Step is one line of a script.
type Step struct {
	Line   int
	Send   []byte // nil when the step expects something
	Raw    bool   // Send goes below the WebSocket
	Times  int    // of a frame that is sent or expected; 0 = once
	Expect any
	Close  int
	Quiet  bool
	Do     []string
}

// Script is one file.
type Script struct {
	Name  string
	Only  []string
	Steps []Step
}

// Runs reports whether the script is for the transport.
func (s *Script) Runs(transport string) bool {
	if len(s.Only) == 0 {
		return true
	}
	for _, t := range s.Only {
		if t == transport {
			return true
		}
	}
	return false
}

// Load reads all scripts of a directory.
func Load(t *testing.T, dir string) []*Script {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	var scripts []*Script
	for _, file := range files {
		s, err := parseScript(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, s)
	}
	return scripts
}

func parseScript(file string) (*Script, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &Script{Name: strings.TrimSuffix(filepath.Base(file), ".txt")}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		step, err := s.parseLine(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if step != nil {
			step.Line = n
			s.Steps = append(s.Steps, *step)
		}
	}
	return s, lines.Err()
}

func (s *Script) parseLine(line string) (*Step, error) {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "", "//":
		return nil, nil
	case "#only":
		s.Only = strings.Fields(rest)
		return nil, nil
	case "-->":
		return &Step{Send: []byte(rest)}, nil
	case "-->hex":
		b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		return &Step{Send: b}, err
	case "-->big":
		n, err := strconv.Atoi(rest)
		return &Step{Send: []byte(`"` + strings.Repeat("x", max(n-2, 0)) + `"`)}, err
	case "-->frame":
		first, payload, _ := strings.Cut(rest, " ")
		b, err := hex.DecodeString(first)
		return &Step{Send: appendMasked(b, payload), Raw: true}, err
	case "-->wire":
		b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		return &Step{Send: b, Raw: true}, err
	case "-->times":
		times, frame, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(times)
		return &Step{Send: []byte(frame), Times: n}, err
	case "==>":
		return &Step{Do: strings.Fields(rest)}, nil
	case "<--times":
		times, frame, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(times)
		step := &Step{Times: n}
		return step, errors.Join(err, decodeJSON([]byte(frame), &step.Expect))
	case "<--":
		if rest == "nothing" {
			return &Step{Quiet: true}, nil
		}
		if code, ok := strings.CutPrefix(rest, "close "); ok {
			n, err := strconv.Atoi(code)
			return &Step{Close: n}, err
		}
		step := &Step{}
		return step, decodeJSON([]byte(rest), &step.Expect)
	}
	return nil, fmt.Errorf("unknown line %q", line)
}

// appendMasked appends the rest of a client's WebSocket frame. A mask of zeros changes nothing.
func appendMasked(b []byte, payload string) []byte {
	if n := len(payload); n < 126 {
		b = append(b, 0x80|byte(n))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// Run plays the script.
func (s *Script) Run(t *testing.T, c Conn) {
	t.Helper()
	for _, step := range s.Steps {
		for range max(step.Times, 1) {
			if err := step.runStep(c); err != nil {
				t.Fatalf("%s, line %d: %v", s.Name, step.Line, err)
			}
		}
	}
}

func (step *Step) runStep(c Conn) error {
	switch {
	case step.Do != nil:
		doer, ok := c.(Doer)
		if !ok {
			return errors.New("this transport has no steps of its own")
		}
		return doer.Do(step.Do)
	case step.Raw:
		wire, ok := c.(Wire)
		if !ok {
			return errors.New("this transport is no WebSocket")
		}
		return wire.SendRaw(step.Send)
	case step.Send != nil:
		return c.Send(step.Send)
	case step.Quiet:
		return c.Quiet()
	case step.Close != 0:
		return expectClose(c, step.Close)
	}
	return expectFrame(c, step.Expect)
}

func expectClose(c Conn, code int) error {
	frame, got, err := c.Receive()
	switch {
	case err != nil:
		return err
	case got == 0:
		return fmt.Errorf("got %s, want close %d", frame, code)
	case got != code:
		return fmt.Errorf("closed with %d, want %d", got, code)
	}
	return nil
}

func expectFrame(c Conn, want any) error {
	if set, ok := want.(map[string]any); ok {
		if list, ok := set["unordered"].([]any); ok {
			return expectUnordered(c, list)
		}
	}
	got, err := receiveJSON(c)
	if err != nil {
		return err
	}
	if problem := Match(want, got); problem != "" {
		return fmt.Errorf("%s\n got %s", problem, encodeJSON(got))
	}
	return nil
}

func expectUnordered(c Conn, list []any) error {
	left := append([]any(nil), list...)
next:
	for range list {
		got, err := receiveJSON(c)
		if err != nil {
			return err
		}
		for i, want := range left {
			if Match(want, got) == "" {
				left = append(left[:i], left[i+1:]...)
				continue next
			}
		}
		return fmt.Errorf("unexpected frame %s", encodeJSON(got))
	}
	return nil
}

func receiveJSON(c Conn) (any, error) {
	frame, code, err := c.Receive()
	if err != nil {
		return nil, err
	}
	if code != 0 {
		return nil, fmt.Errorf("closed with %d", code)
	}
	var got any
	if err := decodeJSON(frame, &got); err != nil {
		return nil, fmt.Errorf("%w in %s", err, frame)
	}
	return got, nil
}

// decodeJSON keeps numbers as they are written.
func decodeJSON(b []byte, into *any) error {
	if !json.Valid(b) {
		return errors.New("not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}

func encodeJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

// Match returns the difference of got from want; empty = none.
func Match(want, got any) string { return matchValue("", want, got) }

func matchValue(at string, want, got any) string {
	if want == "*" {
		return ""
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return at + ": want an object"
		}
		_, open := w["..."]
		for k, v := range w {
			if k == "..." {
				continue
			}
			if _, there := g[k]; !there {
				return at + "/" + k + ": missing"
			}
			if p := matchValue(at+"/"+k, v, g[k]); p != "" {
				return p
			}
		}
		for k := range g {
			if _, known := w[k]; !known && !open {
				return at + "/" + k + ": unexpected"
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return at + ": want an array of " + strconv.Itoa(len(w))
		}
		for i := range w {
			if p := matchValue(at+"/"+strconv.Itoa(i), w[i], g[i]); p != "" {
				return p
			}
		}
		return ""
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Sprintf("%s: want %v, got %v", at, want, got)
	}
	return ""
}
