package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Meter is implemented by codecs that bound the replies a peer can make the server keep. Without it, replies are bounded
// by the calls in flight alone.
type Meter interface {
	// Reserve counts n bytes for a reply that is about to be made. It waits until there is room, or ctx or the connection
	// ends; then it counts nothing and returns an error.
	Reserve(ctx context.Context, n int) error
	// TryReserve is Reserve that does not wait; it reports whether there was room.
	TryReserve(n int) bool
	// Count counts n bytes that exist already, or returns them when n is negative, and does not wait.
	Count(n int)
}

// ReplyWriter is implemented by codecs that write a reply from its parts, so that a large result is not copied.
type ReplyWriter interface {
	// WriteReply is WriteFrame for a reply in parts.
	WriteReply(r Reply) error
}

// Reply is an encoded reply in three parts that follow each other.
type Reply struct {
	Head, Body, Tail []byte
	// Shared reports that Body is also in other replies, so that this one takes no memory for it. Body does not change.
	Shared bool
}

// Len returns the length of the frame in bytes.
func (r Reply) Len() int { return len(r.Head) + len(r.Body) + len(r.Tail) }

// Own returns the bytes that exist for this reply alone.
func (r Reply) Own() int {
	if r.Shared {
		return len(r.Head) + len(r.Tail)
	}
	return r.Len()
}

// Append appends the frame to b.
func (r Reply) Append(b []byte) []byte {
	return append(append(append(b, r.Head...), r.Body...), r.Tail...)
}

// largeResult is the length from which a result is not copied into its reply, in bytes.
const largeResult = 16 << 10

// smallReply is the length up to which a reply is made without waiting for room, in bytes: sends and acknowledgements
// must not wait for large replies of others.
const smallReply = 2 << 10

// unknownReply is the length assumed for the result of a method that has not been called yet, in bytes: such a call does not
// wait for room before it runs, but for its result once others have shown that results are large.
const unknownReply = smallReply

// The results of all calls that run before the first length is known exist at the same time. At most firstCalls of a method run
// then; another one waits until a length is known or one of them has ended, and firstCallWait at most.
const (
	firstCalls    = 16
	firstCallWait = time.Second
)

// replySize estimates the length of a method's results, in bytes. It rises at once and falls slowly.
type replySize struct {
	n     atomic.Int64  // 0 = no length is known
	first chan struct{} // places of calls that begin while no length is known
	known chan struct{} // closed with the first length
	once  sync.Once     // closes known
}

func newReplySize() *replySize {
	return &replySize{first: make(chan struct{}, firstCalls), known: make(chan struct{})}
}

// replySizeDecay is the part of the difference by which one smaller result lowers the estimate.
const replySizeDecay = 64

func (s *replySize) estimate() int {
	if n := s.n.Load(); n > 0 {
		return int(n)
	}
	return unknownReply
}

func (s *replySize) recordSize(size int) {
	n, last := int64(size), s.n.Load()
	if n < last {
		n = last - (last-n+replySizeDecay-1)/replySizeDecay
	}
	if n != last {
		s.n.Store(max(n, 1))
		s.once.Do(func() { close(s.known) })
	}
}

// beginFirst waits for a turn among the first calls of a method, if no length of its results is known. endFirst must follow.
func (c *Call) beginFirst(ctx context.Context, m *method) {
	if c.meter == nil || m.SharedResult || m.size.n.Load() > 0 {
		return
	}
	wait := time.NewTimer(firstCallWait)
	defer wait.Stop()
	select {
	case m.size.first <- struct{}{}:
		c.first = m.size.first
	case <-m.size.known:
	case <-wait.C:
	case <-ctx.Done():
	}
}

// endFirst ends what beginFirst began.
func (c *Call) endFirst() {
	if c.first != nil {
		<-c.first
		c.first = nil
	}
}

// hasRoom reports whether a reply of n bytes may be made without waiting for more room.
func (c *Call) hasRoom(n int) bool { return n <= smallReply || n <= c.reserved }

// reserve waits until the connection has room for a reply of usual length of the method, before the method runs.
func (c *Call) reserve(ctx context.Context, m *method) error {
	if c.meter == nil {
		return nil
	}
	if b := c.job.item.batch; b != nil {
		return b.reserve(ctx, c.meter)
	}
	n := m.size.estimate()
	if c.hasRoom(n) {
		return nil
	}
	c.unreserve() // keeping a part while waiting for the whole could wait for ever
	if err := c.meter.Reserve(ctx, n); err != nil {
		return err
	}
	c.reserved = n
	return nil
}

// errNoRoomForReply reports that a method has run and its result cannot be kept for the caller.
var errNoRoomForReply = errors.New("rpc: no room for the reply")

// encodeMetered encodes the result of a method and records its length, of which limit bytes count at most. A result of a
// metered connection is encoded in one of the registry's places (one per processor) and with room for the method's usual
// length, so that calls which run at the same time exceed their estimates by one result per place at most.
func (reg *Registry) encodeMetered(ctx context.Context, m *method, call *Call, value any, limit int) (result json.RawMessage, err error) {
	defer func() { // a MarshalJSON of the result's type may panic
		if r := recover(); r != nil {
			result, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	if call.meter != nil && !m.Inline && !m.SharedResult {
		if err := reg.beginEncoding(ctx, m, call); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoRoomForReply, err)
		}
		defer func() { <-reg.encoding }()
	}
	result, err = encodeResult(value)
	if m.SharedResult {
		m.size.recordSize(0)
	} else {
		m.size.recordSize(min(len(result), limit))
	}
	return result, err
}

// beginEncoding takes a place for encoding once there is room for the reply. The estimate may rise while the call runs or
// waits; then the call waits for the larger room, without a place. A call of a batch does not wait for room: the batch keeps
// replies, and all batches of a credential could wait for each other.
func (reg *Registry) beginEncoding(ctx context.Context, m *method, call *Call) error {
	if b := call.job.item.batch; b != nil {
		reg.encoding <- struct{}{}
		if !b.claimRoom(m.size.estimate(), call.peer.opts.MaxBatchReply, call.meter) {
			<-reg.encoding
			return errNoRoomInBatch
		}
		return nil
	}
	for {
		if err := call.reserve(ctx, m); err != nil {
			return err
		}
		reg.encoding <- struct{}{}
		if call.hasRoom(m.size.estimate()) {
			return nil
		}
		<-reg.encoding
	}
}

var errNoRoomInBatch = errors.New("rpc: no room for the replies of a batch")

// unreserve returns the bytes counted by reserve. The reply is counted separately once it is written.
func (c *Call) unreserve() {
	if c.reserved > 0 {
		c.meter.Count(-c.reserved)
		c.reserved = 0
	}
}

// errNoRoom answers a call that was not made because there was no room for its reply in time.
func errNoRoom() *Error {
	return RateLimited("earlier replies to this credential have not been read, so there was no room for another and the call was not made; read faster or ask for smaller pages", inFlightRetry)
}

// reserve waits until there is room for the replies of the batch. One of its calls does that for all, because each of them
// is kept until the last has come.
func (b *batch) reserve(ctx context.Context, meter Meter) error {
	if b.estimate <= smallReply {
		return nil
	}
	select {
	case b.reserving <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-b.reserving }()
	if b.asked {
		return nil
	}
	if err := meter.Reserve(ctx, b.estimate); err != nil {
		return err
	}
	b.asked = true
	b.mu.Lock()
	defer b.mu.Unlock()
	meter.Count(-min(b.counted, b.estimate)) // replies that have come already are part of it
	b.counted = max(b.counted, b.estimate)
	return nil
}

// claimRoom counts room for one more reply of usual length n and reports whether there is some. All replies take limit bytes
// at most.
func (b *batch) claimRoom(n, limit int, meter Meter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := min(b.claimed+n, limit)
	if due > max(b.counted, smallReply) {
		if !meter.TryReserve(due - b.counted) {
			return false
		}
		b.counted = due
	}
	b.claimed += n
	return true
}

// keepReply stores a reply of the batch until the others have come and counts it. Replies that do not fit into limit together
// with the others are replaced by an error at once, those of the last requests first. It reports whether the batch is complete.
func (b *batch) keepReply(slot int, reply []byte, limit int, meter Meter, reg *Registry) (done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replies[slot] = reply
	b.size += len(reply) + 1
	for b.size >= limit {
		i := b.lastDispensable(b.size - limit)
		if i < 0 {
			break
		}
		b.size -= len(b.replies[i])
		b.replies[i] = errTooLargeTogether(b.replies[i], limit, reg)
		b.size += len(b.replies[i])
	}
	if meter != nil && b.size > b.counted {
		meter.Count(b.size - b.counted)
		b.counted = b.size
	}
	b.left--
	return b.left == 0
}

// leastDispensable is the length above which a reply is longer than the error in its place, in bytes.
const leastDispensable = 1 << 10

// lastDispensable returns the last reply whose removal alone saves so many bytes, else the last that is long; -1 = there is
// none.
func (b *batch) lastDispensable(excess int) int {
	last := -1
	for i := len(b.replies) - 1; i >= 0; i-- {
		n := len(b.replies[i])
		if n >= leastDispensable && n-leastDispensable/2 > excess {
			return i
		}
		if n >= leastDispensable && last < 0 {
			last = i
		}
	}
	return last
}

func errTooLargeTogether(reply []byte, limit int, reg *Registry) []byte {
	problem := TooLarge("the replies of the batch are too large together", limit)
	return appendErrorReply(nil, replyID(reply), problem, reg.requestID())
}
