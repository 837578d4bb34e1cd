package rpc

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// stream stands between a Codec and jsonrpc2. That library knows neither batches nor all forms of ids, and ends the
// connection on anything it cannot read. So the stream takes frames apart itself, answers what is no request, and hands
// over the rest one by one under a number of its own; on the way back it finds the caller's id by that number, puts
// batch replies together and writes the frame.
type stream struct {
	codec  Codec
	meter  Meter       // nil = the codec is none
	writer ReplyWriter // nil = the codec is none
	frames FrameMeter  // nil = the codec is none
	opts   *PeerOptions
	reg    *Registry

	// Used by the reading goroutine only.
	queue   []*item
	current *item // the request jsonrpc2 is handling
	stub    []byte
	last    uint64 // number of a request
	errors  lazyLimiter

	// ended is closed when nothing is read any more, so that no call can start after it.
	ended chan struct{}

	mu      sync.Mutex
	pending []*item // not answered; few enough to be looked through

	// outgoing is the response that WriteObject is about to write; jsonrpc2 holds its own lock from the one to the other.
	outgoing *jsonrpc2.Response
}

// protocolErrorsPerSecond is how many broken frames a second a connection may send on average.
const protocolErrorsPerSecond = 1

var _ jsonrpc2.ObjectStream = (*stream)(nil)

func newStream(reg *Registry, codec Codec, opts *PeerOptions) *stream {
	meter, _ := codec.(Meter)
	writer, _ := codec.(ReplyWriter)
	frames, _ := codec.(FrameMeter)
	return &stream{
		codec: codec, meter: meter, writer: writer, frames: frames, opts: opts, reg: reg,
		ended: make(chan struct{}),
	}
}

// ReadObject gives jsonrpc2 the next request, reduced to its number: the rest stays in s.current. A connection at rest
// is inside this call; what happens with a frame is in other functions, so that little of the stack is in use then and
// the collector halves it.
func (s *stream) ReadObject(v any) error {
	for len(s.queue) == 0 {
		b, err := s.codec.ReadFrame()
		if err = s.receive(b, err); err != nil {
			close(s.ended)
			return err
		}
	}
	return s.nextItem(v)
}

// receive takes what ReadFrame returned apart.
//
//go:noinline
func (s *stream) receive(b []byte, err error) error {
	switch {
	case errors.Is(err, ErrFrameTooLarge):
		return s.answerBad(refuse(TooLarge("the frame is too large", s.opts.MaxFrame)))
	case err != nil:
		return err
	}
	f := splitFrame(b, s.opts.MaxDepth, s.opts.MaxBatch)
	if s.frames != nil && len(b) >= LargeFrame {
		s.count(f, len(b))
	}
	return s.take(f)
}

// count makes FrameDone be called when the requests of a frame have ended.
func (s *stream) count(f frame, size int) {
	if len(f.items) == 0 {
		s.frames.FrameDone(size)
		return
	}
	use := &frameUse{size: size}
	use.left.Store(int32(len(f.items)))
	for _, it := range f.items {
		it.frame = use
	}
}

// itemEnded reports that a request has ended.
func (s *stream) itemEnded(it *item) {
	if it.frame != nil && it.frame.left.Add(-1) == 0 {
		s.frames.FrameDone(it.frame.size)
	}
}

// nextItem hands over the first request of the queue.
//
//go:noinline
func (s *stream) nextItem(v any) error {
	it := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	if len(s.queue) == 0 {
		s.queue = nil
	}
	s.last++
	it.num = s.last
	if it.id != nil {
		s.mu.Lock()
		s.pending = append(s.pending, it)
		s.mu.Unlock()
	}
	s.current = it
	s.stub = append(s.stub[:0], `{"method":"","id":`...)
	s.stub = strconv.AppendUint(s.stub, it.num, 10)
	s.stub = append(s.stub, '}')
	return v.(json.Unmarshaler).UnmarshalJSON(s.stub) // jsonrpc2 reads into a type of its own that has this method
}

// take queues the requests of a frame and answers what is none.
func (s *stream) take(f frame) error {
	s.queue = f.items
	if f.batch != nil {
		for _, it := range f.items {
			if m := s.reg.methods[it.method]; m != nil && it.id != nil {
				f.batch.estimate += m.size.estimate()
			}
		}
		f.batch.estimate = min(f.batch.estimate, s.opts.MaxBatchReply)
	}
	if len(f.bad) == 0 {
		return nil
	}
	return s.answerBad(f)
}

func (s *stream) answerBad(f frame) error {
	for _, bad := range f.bad {
		reply := appendErrorReply(nil, bad.id, bad.problem, s.reg.requestID())
		if err := s.deliverReply(f.batch, bad.slot, reply); err != nil {
			return err
		}
	}
	if !s.errors.takeCall(time.Now(), protocolErrorsPerSecond, s.opts.ProtocolErrors) {
		_ = s.codec.Close(CloseProtocolErrors, "too many protocol errors")
	}
	return nil
}

// onSend runs right before WriteObject and keeps the response, which WriteObject gets only in a private wrapper.
func (s *stream) onSend(_ *jsonrpc2.Request, resp *jsonrpc2.Response) { s.outgoing = resp }

// WriteObject writes the response that onSend has just seen, under the id the caller gave.
func (s *stream) WriteObject(any) error {
	resp := s.outgoing
	s.outgoing = nil
	if resp == nil {
		return errors.New("rpc: only responses go through jsonrpc2")
	}
	it := s.answered(resp.ID.Num)
	if it == nil {
		return nil
	}
	if s.writer != nil && it.batch == nil && resp.Error == nil && len(*resp.Result) >= largeResult {
		head := append(append([]byte(replyHead), it.id...), resultMember...)
		return s.writer.WriteReply(Reply{Head: head, Body: *resp.Result, Tail: replyTail, Shared: it.shared})
	}
	return s.deliverReply(it.batch, it.slot, encodeReply(it.id, resp))
}

// answered takes a request off the list; nil = it is not there.
func (s *stream) answered(num uint64) *item {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.pending, func(it *item) bool { return it.num == num })
	if i < 0 {
		return nil
	}
	it := s.pending[i]
	s.pending = slices.Delete(s.pending, i, i+1)
	return it
}

// deliverReply writes a reply, or keeps it until its batch is complete.
func (s *stream) deliverReply(b *batch, slot int, reply []byte) error {
	if b == nil {
		return s.codec.WriteFrame(reply)
	}
	if !b.keepReply(slot, reply, s.opts.MaxBatchReply, s.meter, s.reg) {
		return nil
	}
	err := s.codec.WriteFrame(b.encode(s.opts.MaxBatchReply, s.reg))
	if b.counted > 0 && s.meter != nil {
		s.meter.Count(-b.counted)
	}
	return err
}

// encode puts the replies into one array, in the order of the requests. Replies that would make it too large are
// replaced by an error each.
func (b *batch) encode(limit int, reg *Registry) []byte {
	out := make([]byte, 0, min(b.size+2, limit))
	out = append(out, '[')
	for _, reply := range b.replies {
		if reply == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if len(out)+len(reply)+1 > limit {
			out = append(out, errTooLargeTogether(reply, limit, reg)...)
			continue
		}
		out = append(out, reply...)
	}
	return append(out, ']')
}

// Close ends the connection; jsonrpc2 calls it once.
func (s *stream) Close() error { return s.codec.Close(0, "") }

// replyHead begins every reply; replyID relies on the id coming next.
const replyHead = `{"jsonrpc":"2.0","id":`

// resultMember stands between the id and the result of a reply.
const resultMember = `,"result":`

// replyTail ends a reply.
var replyTail = []byte{'}'}

// encodeReply writes a response under the caller's id. The Data of an error is the whole error object, encoded.
func encodeReply(id []byte, resp *jsonrpc2.Response) []byte {
	member, value := resultMember, resp.Result
	if resp.Error != nil {
		member, value = `,"error":`, resp.Error.Data
	}
	b := make([]byte, 0, len(replyHead)+len(id)+len(member)+len(*value)+1)
	b = append(append(append(b, replyHead...), id...), member...)
	return append(append(b, *value...), '}')
}

func appendErrorReply(b, id []byte, problem *Error, requestID string) []byte {
	b = append(append(append(b, replyHead...), id...), `,"error":`...)
	return append(problem.AppendJSON(b, requestID), '}')
}

// replyID finds the id in a reply made here.
func replyID(reply []byte) []byte {
	return reply[len(replyHead):skipValue(reply, len(replyHead))]
}
