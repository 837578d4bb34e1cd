package eventsocket

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/rpc"

	"github.com/waystation/waystation/transports/journal"
)

// conn is one connection. The goroutine of serveRequest writes events; one reads and discards, one pings.
type conn struct {
	e               *Endpoint
	who             rpc.Principal
	session, format string

	ctx context.Context // ends with the connection; its cause is the reason
	end context.CancelCauseFunc

	ws       *websocket.Conn
	position uint64        // offset of the last event that was read
	woken    chan struct{} // the log or the signals have changed

	mu      sync.Mutex
	signals []*journal.Signal
}

// closing is the reason of a connection that the server closes.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func (c *closing) Error() string { return c.reason }

// errGone is the reason of a connection that the client closed or lost. It and others that are no *closing end it without a code.
var errGone = errors.New("the client has disconnected")

var (
	errStalled = errors.New("the client accepts no frames")
	errNoPong  = errors.New("the client does not answer pings")
	errLost    = &closing{websocket.StatusTryAgainLater, "the client is too slow: events it has not read were removed"}
	errBroken  = &closing{websocket.StatusInternalError, "an event could not be read"}
)

// Wake implements journal.Watcher.
func (c *conn) Wake(string) {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// Signal implements journal.Watcher.
func (c *conn) Signal(s *journal.Signal) {
	c.mu.Lock()
	if len(c.signals) >= maxSignals {
		c.signals = c.signals[1:]
	}
	c.signals = append(c.signals, s)
	c.mu.Unlock()
	c.Wake("")
}

func (c *conn) takeSignals() []*journal.Signal {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.signals
	c.signals = nil
	return taken
}

// serve upgrades the request and writes events until the connection ends.
func (c *conn) serveRequest(w http.ResponseWriter, r *http.Request) {
	defer c.e.removeConn(c)
	defer c.end(errGone)
	// The position is read before the upgrade, so that the client receives every event after it.
	defer c.e.cfg.Journal.Watch(c.session, c)()
	finding, cancel := context.WithTimeout(c.ctx, openTimeout)
	log, _, err := c.e.cfg.Journal.Lookup(finding, c.session)
	cancel()
	if err != nil {
		c.e.cfg.Log.Error("an event socket cannot begin", "session", c.session, "error", err)
		http.Error(w, "the events of the session cannot be read", http.StatusServiceUnavailable)
		return
	}
	c.position = log.Head
	// The server's guard has checked the origin of the page.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		c.e.cfg.Log.Debug("upgrade refused", "error", err)
		return // Accept has written the response
	}
	ws.SetReadLimit(maxInput)
	c.ws = ws
	var helpers sync.WaitGroup
	helpers.Go(c.discardInput)
	helpers.Go(c.pingClient)
	c.end(c.pushUntilEnd())
	c.closeSocket()
	helpers.Wait()
}

// closeSocket ends the WebSocket with the code of the reason.
func (c *conn) closeSocket() {
	cause := context.Cause(c.ctx)
	c.e.cfg.Log.Debug("event socket closed", "session", c.session, "reason", cause)
	var why *closing
	if errors.As(cause, &why) {
		_ = c.ws.Close(why.code, why.reason) // fails if the client has gone
		return
	}
	_ = c.ws.CloseNow() // fails if it is closed already
}

// discardInput reads messages from the client until the WebSocket is closed; the protocol has none.
func (c *conn) discardInput() {
	for {
		_, message, err := c.ws.Reader(context.Background()) // a context that ends would close it without a code
		if err == nil {
			_, err = io.Copy(io.Discard, message)
		}
		if err != nil {
			c.end(errGone)
			return
		}
	}
}

func (c *conn) pingClient() {
	beats := time.NewTicker(c.e.cfg.Heartbeat)
	defer beats.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-beats.C:
		}
		waiting, cancel := context.WithTimeout(context.Background(), c.e.cfg.PongTimeout)
		err := c.ws.Ping(waiting)
		cancel()
		if err != nil {
			c.end(errNoPong)
			return
		}
	}
}

// pushUntilEnd writes events and signals until the connection ends, and returns the reason.
func (c *conn) pushUntilEnd() error {
	for {
		if err := c.pushEvents(); err != nil {
			return err
		}
		for _, s := range c.takeSignals() {
			if err := c.pushEvent(&journal.Event{Session: s.Session, Type: s.Type, Time: s.Time, Chats: s.Chats, Data: s.Data}); err != nil {
				return err
			}
		}
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-c.woken:
		}
	}
}

// pushEvents writes the events after the position.
func (c *conn) pushEvents() error {
	for {
		events, err := c.e.cfg.Journal.Read(c.ctx, c.session, c.position, readEvents, readBytes)
		switch {
		case c.ctx.Err() != nil:
			return context.Cause(c.ctx)
		case errors.Is(err, journal.ErrPositionLost):
			return errLost
		case err != nil:
			c.e.cfg.Log.Error("an event socket cannot read the journal", "session", c.session, "error", err)
			return errBroken
		case len(events) == 0:
			return nil
		}
		for _, event := range events {
			if err := c.pushEvent(event); err != nil {
				return err
			}
			c.position = event.Offset
		}
	}
}

func (c *conn) pushEvent(event *journal.Event) error {
	frame, err := c.e.cfg.Encode(c.ctx, c.format, event)
	switch {
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case err != nil:
		c.e.cfg.Log.Error("an event cannot be converted", "session", c.session, "type", event.Type, "event", event.ID, "error", err)
		return errBroken
	case frame == nil:
		return nil
	}
	// Not the context of the connection: its end would close the WebSocket within a write, without a code.
	writing, cancel := context.WithTimeout(context.Background(), c.e.cfg.StallTimeout)
	defer cancel()
	switch err := c.ws.Write(writing, websocket.MessageText, frame); {
	case writing.Err() != nil:
		return errStalled
	case err != nil:
		return errGone
	}
	return nil
}
