package budget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Defaults of Body.
const (
	// DefaultMinRate is the least rate of a body in bytes a second.
	DefaultMinRate = 4096
	// DefaultGrace is how long a body may be slower than the least rate.
	DefaultGrace = 10 * time.Second
	// DefaultWait is how long a body waits for room in the budget.
	DefaultWait = 5 * time.Second
)

// skipTime is how long the server may skip the rest of a refused body, so that the caller can read the reply.
const skipTime = time.Second

// firstRead is the size of the buffer before the first byte has arrived, in bytes.
const firstRead = 4 << 10

// Errors of Body.Read, besides ErrFull.
var (
	// ErrTooLarge reports a body that is longer than the limit.
	ErrTooLarge = errors.New("budget: the body is too large")
	// ErrTooSlow reports a body that arrived more slowly than the least rate.
	ErrTooSlow = errors.New("budget: the body arrived too slowly")
	// ErrMalformed reports a body that ended before its announced length or whose chunks are not HTTP.
	ErrMalformed = errors.New("budget: the body is incomplete or malformed")
)

// Body says how the body of a request is read.
type Body struct {
	// Budget counts the bytes; nil = they are not counted.
	Budget *Budget
	// Principal is the caller for whom they are counted.
	Principal string
	// Limit is the longest body in bytes.
	Limit int64
	// MinRate is the least average rate in bytes a second, after Grace; 0 = DefaultMinRate, negative = none.
	MinRate int64
	// Grace is how long a body may be slower than MinRate, and how long it may pause; 0 = DefaultGrace.
	Grace time.Duration
	// Wait is how long to wait for room in the budget; 0 = DefaultWait.
	Wait time.Duration
}

// Read reads the body of r. Bytes are counted in the budget as the buffer grows to hold them, not when they are announced.
// release returns them to the budget and must be called once the body is no longer used, also after an error; it may be
// called more than once. The errors wrap ErrTooLarge, ErrTooSlow, ErrMalformed, ErrFull or the error of the request's
// context, which means that the caller has gone.
//
// Read sets the read deadline of the connection while it reads and removes it after the last byte, so that a deadline of
// the server cannot cancel the request's context later. After an error the connection is closed with the reply; the
// deadline then bounds how long the server skips what is left of the body. w is the ResponseWriter of the request.
func (o Body) Read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	var counted int64
	release = func() {
		o.Budget.Release(o.Principal, counted)
		counted = 0
	}
	control := http.NewResponseController(w)
	defer func() { // errors: not every ResponseWriter has deadlines
		if err == nil {
			_ = control.SetReadDeadline(time.Time{})
			return
		}
		w.Header().Set("Connection", "close")
		_ = control.SetReadDeadline(time.Now().Add(skipTime))
	}()
	if r.ContentLength > o.Limit {
		return nil, release, fmt.Errorf("%w: %d bytes are announced, %d are allowed", ErrTooLarge, r.ContentLength, o.Limit)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return []byte{}, release, nil
	}
	started := time.Now()
	for {
		if len(body) == cap(body) {
			size := o.nextSize(int64(cap(body)), r.ContentLength)
			asked := time.Now()
			if err = o.acquireBytes(r.Context(), size-counted); err != nil {
				return nil, release, err
			}
			counted = size
			started = started.Add(time.Since(asked)) // the caller could not send meanwhile
			body = append(make([]byte, 0, size), body...)
		}
		if deadline, bounded := o.readDeadline(started, len(body)); bounded {
			_ = control.SetReadDeadline(deadline)
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > o.Limit:
			return nil, release, fmt.Errorf("%w: %d bytes are allowed", ErrTooLarge, o.Limit)
		case err == io.EOF:
			return body, release, nil
		case err != nil:
			return nil, release, readError(r.Context(), err)
		}
	}
}

// nextSize returns the capacity that follows size. One byte beyond the announced length or the limit lets Read see the end.
func (o Body) nextSize(size, announced int64) int64 {
	longest := o.Limit + 1
	if announced >= 0 {
		longest = announced + 1
	}
	return min(max(2*size, firstRead), longest)
}

func (o Body) acquireBytes(ctx context.Context, n int64) error {
	if o.Budget.TryAcquire(o.Principal, n) {
		return nil
	}
	wait := o.Wait
	if wait <= 0 {
		wait = DefaultWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return o.Budget.Acquire(ctx, o.Principal, n)
}

// readDeadline returns when the next bytes must have arrived.
func (o Body) readDeadline(started time.Time, got int) (deadline time.Time, bounded bool) {
	rate, grace := o.MinRate, o.Grace
	if rate < 0 {
		return time.Time{}, false
	}
	if rate == 0 {
		rate = DefaultMinRate
	}
	if grace <= 0 {
		grace = DefaultGrace
	}
	deadline = started.Add(grace + time.Duration(float64(got)/float64(rate)*float64(time.Second)))
	if pause := time.Now().Add(grace); pause.Before(deadline) {
		return pause, true
	}
	return deadline, true
}

// readError sorts the errors of reading a body.
func readError(ctx context.Context, err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrTooSlow, err)
	case errors.As(err, &tooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, io.ErrUnexpectedEOF): // the caller may still read the reply
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	case ctx.Err() != nil:
		return fmt.Errorf("budget: the caller has gone: %w", context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}
