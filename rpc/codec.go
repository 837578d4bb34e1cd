package rpc

import (
	"context"
	"errors"
)

// ErrFrameTooLarge is returned by a Codec's ReadFrame for a frame beyond its limit that it has skipped; the connection continues and the peer
// receives an error.
var ErrFrameTooLarge = errors.New("frame too large")

// Codec carries the frames of one connection. ReadFrame is called from one goroutine, the others from any.
type Codec interface {
	// ReadFrame returns the next frame, which the caller may keep. It should block while too much written data has not been sent yet, because that
	// limits the replies a peer can make the server hold. An error other than ErrFrameTooLarge ends the connection.
	ReadFrame() ([]byte, error)
	// WriteFrame queues a frame and does not wait for the network; frame belongs to the codec from then on. Frames
	// leave in the order of the calls.
	WriteFrame(frame []byte) error
	// Close ends the connection with a close code of the protocol, after the queued frames; ReadFrame then returns an error eventually. Code 0 means
	// that reading has already ended: release all resources.
	Close(code int, reason string) error
}

// LargeFrame is the length from which a frame counts for a FrameMeter, in bytes.
const LargeFrame = 2 << 10

// FrameMeter is implemented by codecs that count frames until their calls have been answered.
type FrameMeter interface {
	// FrameDone is called once for each frame of LargeFrame or more that ReadFrame has returned, with its length, when all
	// its calls have ended. When the connection ends before, it may not be called.
	FrameDone(n int)
}

// Pacer is implemented by codecs that can report when written data has been sent.
type Pacer interface {
	// Pace waits until little written data is queued; an error when ctx or the connection ends first.
	Pace(ctx context.Context) error
}

// Close codes that dispatch can cause.
const (
	CloseRate           = 4003 // far too many calls
	CloseProtocolErrors = 4507 // too many frames that are not JSON-RPC
)

// Defaults of PeerOptions.
const (
	// DefaultInFlight is how many calls of one connection may run at a time.
	DefaultInFlight = 64
	// DefaultMaxDepth is how deep a frame may be nested.
	DefaultMaxDepth = 32
	// DefaultMaxFrame is the largest frame a peer may send, in bytes. The longest text of a message (65,536 characters)
	// fits also when each of them is written as two escapes of six bytes.
	DefaultMaxFrame = 1 << 20
	// DefaultMaxBatch is how many requests one frame may hold.
	DefaultMaxBatch = 50
	// DefaultMaxBatchReply is the largest frame of batch replies in bytes.
	DefaultMaxBatchReply = 4 << 20
	// DefaultRate is how many calls a second one connection may make, in the long run.
	DefaultRate = 50
	// DefaultBurst is how many calls it may make at once.
	DefaultBurst = 100
	// DefaultRefusals is how many calls beyond the rate are refused before the connection is closed; they are
	// forgotten at the speed of the rate.
	DefaultRefusals = 1000
	// DefaultProtocolErrors is how many broken frames are answered before the connection is closed; one a second is
	// forgotten.
	DefaultProtocolErrors = 20
)

// maxID is the longest request id, and progress token, in bytes as it is written.
const maxID = 256
