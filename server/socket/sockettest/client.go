package sockettest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// dialTimeout bounds the handshake and the greeting of one client.
const dialTimeout = 30 * time.Second

// client counts frames and looks at nothing in them.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(o *Options) (*client, error) {
	conn, err := net.DialTimeout("tcp", o.Addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	c := &client{conn, bufio.NewReaderSize(conn, 4<<10)}
	if err := c.greet(o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// greet makes the handshake, sends the greeting and takes its reply.
func (c *client) greet(o *Options) error {
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
	if err := c.skip(1); err != nil {
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

// skip reads n frames that carry text.
func (c *client) skip(n int) error {
	for n > 0 {
		head, err := c.in.Peek(2)
		if err != nil {
			return err
		}
		kind, size := head[0]&0x0f, int(head[1]&0x7f)
		_, _ = c.in.Discard(2)
		switch size {
		case 126:
			if head, err = c.in.Peek(2); err == nil {
				size = int(binary.BigEndian.Uint16(head))
				_, err = c.in.Discard(2)
			}
		case 127:
			if head, err = c.in.Peek(8); err == nil {
				size = int(binary.BigEndian.Uint64(head))
				_, err = c.in.Discard(8)
			}
		}
		if err != nil {
			return err
		}
		if _, err := c.in.Discard(size); err != nil {
			return err
		}
		switch kind {
		case 0x1, 0x2:
			n--
		case 0x8:
			return io.EOF
		case 0x9:
			if _, err := c.Write([]byte{0x8a, 0x80, 0, 0, 0, 0}); err != nil { // pings of the servers here are empty
				return err
			}
		}
	}
	return nil
}
