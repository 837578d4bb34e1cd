package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
)

var admin = rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}

// pipe is a connection in memory that can tell whether it is quiet.
type pipe struct{ *rpctest.Pipe }

func newPipe() pipe { return pipe{rpctest.NewPipe()} }

func (p pipe) Quiet() error { return quiet(p) }

// quiet makes a call and expects its reply to be the next frame.
func quiet(c rpctest.Conn) error {
	if err := c.Send([]byte(`{"jsonrpc":"2.0","id":"quiet?","method":"test.echo"}`)); err != nil {
		return err
	}
	b, _, err := c.Receive()
	if err == nil && !bytes.Contains(b, []byte(`"quiet?"`)) {
		err = fmt.Errorf("got %s", b)
	}
	return err
}

func startPipe(t testing.TB, opts rpc.PeerOptions) (pipe, *rpc.Registry) {
	reg := rpc.NewRegistry(rpc.Options{Replies: &rpctest.Replies{}})
	rpctest.Register(reg)
	opts.Principal, opts.Conn = admin, "pipe"
	c := newPipe()
	peer := rpc.NewPeer(reg, c, opts)
	ctx, cancel := context.WithCancel(context.Background())
	peer.Start(ctx)
	t.Cleanup(func() {
		_ = c.Close(0, "")
		cancel()
		peer.Wait()
	})
	return c, reg
}

func TestScriptsOverPipe(t *testing.T) {
	for _, s := range rpctest.Load(t, "testdata") {
		if s.Runs("pipe") {
			t.Run(s.Name, func(t *testing.T) {
				c, _ := startPipe(t, rpc.PeerOptions{})
				s.Run(t, c)
			})
		}
	}
}

// post is a client that sends each frame as one request.
type post struct {
	url     string
	replies [][]byte
}

func (p *post) Send(b []byte) error {
	resp, err := http.Post(p.url, "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNoContent && len(reply) == 0:
		return nil
	case resp.StatusCode == http.StatusOK && len(reply) > 0:
		p.replies = append(p.replies, reply)
		return nil
	}
	return fmt.Errorf("status %s with %d bytes", resp.Status, len(reply))
}

func (p *post) Receive() ([]byte, int, error) {
	if len(p.replies) == 0 {
		return nil, 0, errors.New("no reply")
	}
	b := p.replies[0]
	p.replies = p.replies[1:]
	return b, 0, nil
}

func (p *post) Quiet() error {
	if len(p.replies) > 0 {
		return fmt.Errorf("got %s", p.replies[0])
	}
	return nil
}

func startHTTP(t *testing.T, opts rpc.PeerOptions) string {
	reg := rpc.NewRegistry(rpc.Options{Replies: &rpctest.Replies{}})
	rpctest.Register(reg)
	srv := httptest.NewServer(rpc.HTTPHandler(reg, func(r *http.Request) (rpc.Principal, error) {
		if r.Header.Get("Authorization") == "Bearer wrong" {
			return rpc.Principal{}, errors.New("secret of the inside")
		}
		return admin, nil
	}, opts))
	t.Cleanup(func() {
		srv.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return srv.URL
}

func TestScriptsOverHTTP(t *testing.T) {
	for _, s := range rpctest.Load(t, "testdata") {
		if s.Runs("http") {
			t.Run(s.Name, func(t *testing.T) {
				s.Run(t, &post{url: startHTTP(t, rpc.PeerOptions{})})
			})
		}
	}
}

func TestScriptsAreThere(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
}
