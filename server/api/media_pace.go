package api

import (
	"io"
	"net/http"
	"time"
)

// pace ends a transfer without progress: one that pauses for longer than the setting body-grace or is slower than
// body-min-rate on average. Only the time spent waiting for the peer counts.
type pace struct {
	rate   float64 // bytes per second
	grace  time.Duration
	end    time.Time // latest end of the transfer
	waited time.Duration
	done   int64 // bytes
}

// nextDeadline returns the time by which the next bytes must have been transferred.
func (p *pace) nextDeadline(now time.Time) time.Time {
	left := p.grace + time.Duration(float64(p.done)/p.rate*float64(time.Second)) - p.waited
	deadline := now.Add(min(left, p.grace))
	if deadline.After(p.end) {
		return p.end
	}
	return deadline
}

// runPaced runs one read or write under its deadline.
func (p *pace) runPaced(set func(time.Time) error, do func([]byte) (int, error), b []byte) (int, error) {
	began := time.Now()
	if err := set(p.nextDeadline(began)); err != nil {
		return 0, err
	}
	n, err := do(b)
	p.waited += time.Since(began)
	p.done += int64(n)
	return n, err
}

func (h *fileHandler) newPace() pace {
	return pace{rate: float64(h.Settings.BodyMinRate), grace: h.Settings.BodyGrace, end: time.Now().Add(transferTimeout)}
}

// pacedReader reads the body of a request.
type pacedReader struct {
	pace
	body    io.Reader
	control *http.ResponseController
}

func (h *fileHandler) pacedBody(w http.ResponseWriter, body io.Reader) io.Reader {
	return &pacedReader{h.newPace(), body, http.NewResponseController(w)}
}

// Read implements io.Reader. The error of a transfer without progress wraps os.ErrDeadlineExceeded.
func (r *pacedReader) Read(b []byte) (int, error) {
	return r.runPaced(r.control.SetReadDeadline, r.body.Read, b)
}

// pacedWriter writes the body of a reply, in pieces of at most maxPiece bytes. It has no ReadFrom, which would write
// a whole file under one deadline.
type pacedWriter struct {
	http.ResponseWriter
	pace
	control *http.ResponseController
}

// maxPiece is the number of bytes written under one deadline: at the lowest rate it takes as long as the shortest
// sensible grace.
const maxPiece = 32 << 10

func (h *fileHandler) pacedWriter(w http.ResponseWriter) http.ResponseWriter {
	return &pacedWriter{w, h.newPace(), http.NewResponseController(w)}
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *pacedWriter) Write(b []byte) (written int, err error) {
	for len(b) > 0 && err == nil {
		piece := b[:min(len(b), maxPiece)]
		var n int
		n, err = w.runPaced(w.control.SetWriteDeadline, w.ResponseWriter.Write, piece)
		written += n
		b = b[n:]
	}
	return written, err
}
