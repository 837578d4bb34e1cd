package socket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// Buffer sizes of a connection, in bytes. Small, because most connections are idle.
const (
	readBuffer  = 128 // a small call or some acks; the payload of a larger frame is read past it
	writeBuffer = 128 // carries only control frames, of which the largest has 127
	leastBuffer = 16  // the WebSocket library buffers again; this is the least bufio takes
)

// flushChunk is how much is written under one deadline, so that a slow peer which takes bytes at all is not taken for
// a stalled one.
const flushChunk = 64 << 10

// leastProgress is how much a blocked write must have sent within the stall timeout to count as going on, in bytes: a peer
// that takes a few bytes now and then would keep what is written to it for ever.
const leastProgress = 16 << 10

// stallLooks is how often within the stall timeout a blocked write is looked at: bytes that were taken at its beginning
// are no progress at its end.
const stallLooks = 5

// Opcodes of WebSocket frames that are written here.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// wire is the network connection below the WebSocket. Frames of one turn are put together in a buffer above it and
// leave in one write; the few control frames the WebSocket library writes itself come through Write.
type wire struct {
	net.Conn
	raw     syscall.RawConn // nil = it has none
	timeout time.Duration

	// Of the reading goroutine.
	in    []byte // was read and not used; in room, or what the HTTP server had read already
	above *bufio.Reader
	heads headReader
	flood func() // called once when the peer sends too many control frames or small fragments; nil = never
	room  [readBuffer]byte

	mu    sync.Mutex
	ended bool // a close frame was written: nothing may follow
}

var errStalled = errors.New("socket: write stalled")

// Read implements net.Conn for the WebSocket library. Large reads go past the buffer once that is empty.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		if len(p) >= readBuffer {
			n, err := w.Conn.Read(p)
			return w.passed(p, n, err)
		}
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) fill() error {
	n, err := w.Conn.Read(w.room[:])
	n, err = w.passed(w.room[:], n, err)
	w.in = w.room[:n]
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// passed follows what was read. When the peer floods, it reads on without using anything, until the connection has been
// closed.
func (w *wire) passed(b []byte, n int, err error) (int, error) {
	if w.heads.pass(b[:n]) {
		return n, err
	}
	if w.flood != nil {
		w.flood()
	}
	_, err = io.Copy(io.Discard, w.Conn)
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

// await returns when a frame has begun to come that is not a ping or pong; those go to control. A connection is at rest
// here and not inside the WebSocket library, whose calls would keep the stack of the goroutine at twice its size.
func (w *wire) await(control func(opcode byte, payload []byte)) error {
	for w.above.Buffered() == 0 {
		if len(w.in) == 0 {
			if err := w.fill(); err != nil {
				return err
			}
		}
		opcode, payload, rest := cutControl(w.in)
		if opcode == 0 {
			break
		}
		w.in = rest
		control(opcode, payload)
	}
	return nil
}

// cutControl takes a ping or pong from the beginning of b, in place. Opcode 0: there is none, or not a whole and
// flawless one, which the WebSocket library deals with.
func cutControl(b []byte) (opcode byte, payload, rest []byte) {
	const head = 6 // with the mask
	if len(b) < head || b[0] != 0x80|opPing && b[0] != 0x80|opPong || b[1]&0x80 == 0 {
		return 0, nil, b
	}
	size := int(b[1] & 0x7f)
	if size > 125 || len(b) < head+size {
		return 0, nil, b
	}
	payload = b[head : head+size]
	for i := range payload {
		payload[i] ^= b[2+i%4]
	}
	return b[0] & 0x0f, payload, b[head+size:]
}

// Write takes whole control frames from the WebSocket library.
func (w *wire) Write(p []byte) (int, error) {
	if _, err := w.flush(p, &hand{left: true}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes frames. After a close frame everything is dropped. When the peer takes nothing for the timeout it
// returns errStalled and what is left. A hand leaves its crew before it waits.
func (w *wire) flush(b []byte, h *hand) (rest []byte, err error) {
	if !w.mu.TryLock() {
		h.leave()
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	if w.ended || len(b) == 0 {
		return nil, nil
	}
	if len(b) < 128 && b[0] == 0x80|opClose {
		w.ended = true
	}
	if w.raw != nil && !h.left {
		n, err := h.write(w.raw, b)
		if b = b[n:]; err != nil || len(b) == 0 {
			return b, err
		}
	}
	h.leave()
	return w.wait(b)
}

// wait writes with a deadline for each chunk; w.mu is held.
func (w *wire) wait(b []byte) (rest []byte, err error) {
	progress, taken := time.Now(), 0
	for len(b) > 0 {
		chunk := b[:min(len(b), flushChunk)]
		_ = w.SetWriteDeadline(time.Now().Add(w.timeout / stallLooks)) // an error shows in Write
		n, err := w.Conn.Write(chunk)
		b = b[n:]
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return b, err
		case n > 0:
			if taken += n; taken >= leastProgress {
				progress, taken = time.Now(), 0
			}
			if time.Since(progress) >= w.timeout {
				return b, errStalled
			}
		case time.Since(progress) >= w.timeout:
			return b, errStalled
		}
	}
	return nil, w.SetWriteDeadline(time.Time{}) // a write that does not wait would take notice of it
}

// end writes the last bytes of a connection, with a close frame at their end, in the given time.
func (w *wire) end(within time.Duration, parts ...[]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.ended = true
	_ = w.SetWriteDeadline(time.Now().Add(within))
	for _, b := range parts {
		if _, err := w.Conn.Write(b); err != nil {
			return // the peer may be gone, and then need not know
		}
	}
}

// hijacker hands the WebSocket library a wire with small buffers instead of the HTTP server's connection.
type hijacker struct {
	http.ResponseWriter
	timeout time.Duration
	wire    *wire
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	_ = c.SetDeadline(time.Time{}) // those of the HTTP server
	h.wire = &wire{Conn: c, timeout: h.timeout, in: append([]byte(nil), early...)}
	if sc, ok := c.(syscall.Conn); ok {
		h.wire.raw, _ = sc.SyscallConn()
	}
	h.wire.above = bufio.NewReaderSize(h.wire, leastBuffer)
	return h.wire, bufio.NewReadWriter(h.wire.above, bufio.NewWriterSize(h.wire, writeBuffer)), nil
}

// appendFrameHead begins an unmasked frame that is whole (RFC 6455, 5.2).
func appendFrameHead(b []byte, opcode byte, size int) []byte {
	b = append(b, 0x80|opcode)
	switch {
	case size < 126:
		return append(b, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}

func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	return append(appendFrameHead(b, opcode, len(payload)), payload...)
}

func appendCloseFrame(b []byte, code int, reason string) []byte {
	const longest = 123 // bytes of a reason in a control frame
	if len(reason) > longest {
		reason = reason[:longest]
	}
	b = appendFrameHead(b, opClose, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}
