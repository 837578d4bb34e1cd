package sockettest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// dialTimeout limits the handshake and the greeting of one client.
const dialTimeout = 30 * time.Second

// client counts frames without parsing their contents.
type client struct {
	net.Conn
	in    *bufio.Reader
	lines bool
	text  []byte // of a frame whose lines are counted
}

func dialClient(o *Options) (*client, error) {
	conn, err := net.DialTimeout("tcp", o.Addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, in: bufio.NewReaderSize(conn, 4<<10), lines: o.Lines}
	if err := c.sendGreeting(o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// sendGreeting makes the handshake, sends the greeting and reads its reply.
func (c *client) sendGreeting(o *Options) error {
	_ = c.SetDeadline(time.Now().Add(dialTimeout))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", o.Path)
	if o.Token != "" {
		fmt.Fprintf(c, "Authorization: Bearer %s\r\n", o.Token)
	}
	fmt.Fprint(c, "\r\n")
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("upgrade answered with %s", resp.Status)
	}
	if o.Greeting == "" {
		return c.SetDeadline(time.Time{})
	}
	if _, err := c.Write(appendFrame(nil, o.Greeting)); err != nil {
		return err
	}
	if _, err := c.skipMessages(1); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// appendFrame appends a text frame whose mask of zeros changes nothing.
func appendFrame(b []byte, payload string) []byte {
	b = append(b, 0x81)
	if len(payload) < 126 {
		b = append(b, 0x80|byte(len(payload)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(len(payload)))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// skipMessages reads at least n messages, to the end of a frame, and returns the number read.
func (c *client) skipMessages(n int) (got int, err error) {
	for got < n {
		kind, size, err := c.readHead()
		if err != nil {
			return got, err
		}
		messages := 1
		if c.lines && kind == 0x1 {
			c.text = append(c.text[:0], make([]byte, size)...)
			_, err = io.ReadFull(c.in, c.text)
			messages += bytes.Count(bytes.TrimSuffix(c.text, []byte("\n")), []byte("\n"))
		} else {
			_, err = c.in.Discard(size)
		}
		if err != nil {
			return got, err
		}
		switch kind {
		case 0x1, 0x2:
			got += messages
		case 0x8:
			return got, io.EOF
		case 0x9:
			if _, err := c.Write([]byte{0x8a, 0x80, 0, 0, 0, 0}); err != nil { // pings of the servers here are empty
				return got, err
			}
		}
	}
	return got, nil
}

// readHead reads the head of a frame.
func (c *client) readHead() (kind byte, size int, err error) {
	var b [8]byte
	if _, err = io.ReadFull(c.in, b[:2]); err != nil {
		return 0, 0, err
	}
	kind, size = b[0]&0x0f, int(b[1]&0x7f)
	switch size {
	case 126:
		_, err = io.ReadFull(c.in, b[:2])
		size = int(binary.BigEndian.Uint16(b[:]))
	case 127:
		_, err = io.ReadFull(c.in, b[:])
		size = int(binary.BigEndian.Uint64(b[:]))
	}
	return kind, size, err
}
