package rpctest

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/waystation/waystation/rpc"
)

// receiveTimeout is how long Receive waits for a frame.
const receiveTimeout = 10 * time.Second

// Pipe is a connection in memory: the server's codec and the client's end.
type Pipe struct {
	In, Out chan []byte // frames to the server, and from it
	closed  chan struct{}
	once    sync.Once
	code    int
}

// NewPipe returns an open pipe.
func NewPipe() *Pipe {
	return &Pipe{In: make(chan []byte, 64), Out: make(chan []byte, 1024), closed: make(chan struct{})}
}

// ReadFrame is the server's.
func (p *Pipe) ReadFrame() ([]byte, error) {
	select {
	case b := <-p.In:
		if len(b) > rpc.DefaultMaxFrame {
			return nil, rpc.ErrFrameTooLarge
		}
		return b, nil
	case <-p.closed:
		return nil, io.EOF
	}
}

// WriteFrame is the server's.
func (p *Pipe) WriteFrame(b []byte) error {
	select {
	case p.Out <- b:
		return nil
	case <-p.closed:
		return io.ErrClosedPipe
	}
}

// Close is the server's; the code of the first call counts.
func (p *Pipe) Close(code int, _ string) error {
	p.once.Do(func() {
		p.code = code
		close(p.closed)
	})
	return nil
}

// Send gives the server a frame.
func (p *Pipe) Send(b []byte) error { p.In <- b; return nil }

// Receive returns the server's next frame, or the code it closed with.
func (p *Pipe) Receive() ([]byte, int, error) {
	select { // data written before the end comes first
	case b := <-p.Out:
		return b, 0, nil
	default:
	}
	select {
	case b := <-p.Out:
		return b, 0, nil
	case <-p.closed:
		return nil, p.code, nil
	case <-time.After(receiveTimeout):
		return nil, 0, errors.New("nothing came")
	}
}
