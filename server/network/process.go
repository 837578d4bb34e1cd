package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/sandboxmethods"
	"github.com/waystation/waystation/rpc/methods/shared"
)

const (
	// controlTimeout limits a call to the sandbox process; it exceeds the longest wait of a sandbox method.
	controlTimeout = 130 * time.Second
	// maxControlReply is the largest accepted reply of the sandbox process, in bytes: a media file as base64.
	maxControlReply = 36 << 20
	// maxControlBody is the largest call to the sandbox process, in bytes: a media file as base64.
	maxControlBody = 36 << 20
	// ControlPath is the path of calls to the sandbox process.
	ControlPath = "/v1/rpc"
	// headerTimeout ends connections that do not finish a request's header.
	headerTimeout = 10 * time.Second
)

// Remote calls sandbox methods in another process.
type Remote struct {
	url    string
	client *http.Client
}

func newRemote(addr string) *Remote {
	return &Remote{
		url:    "http://" + addr + ControlPath,
		client: &http.Client{Timeout: controlTimeout, Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}},
	}
}

func (r *Remote) close() { r.client.CloseIdleConnections() }

type controlReply struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason    string `json:"reason"`
			Retryable bool   `json:"retryable"`
			Details   any    `json:"details"`
		} `json:"data"`
	} `json:"error"`
}

// Call runs a method in the sandbox process. Its error replies are returned as *rpc.Error.
func (r *Remote) Call(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, fmt.Errorf("sandbox process: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("sandbox process: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &rpc.Error{Code: rpc.CodeOwnerUnavailable, Message: "the sandbox process does not answer", Retryable: true}
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxControlReply+1))
	if err != nil {
		return nil, fmt.Errorf("sandbox process: %w", err)
	}
	var reply controlReply
	if len(raw) > maxControlReply {
		return nil, errors.New("sandbox process: the reply is too large")
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, fmt.Errorf("sandbox process: status %d: %w", response.StatusCode, err)
	}
	if e := reply.Error; e != nil {
		return nil, &rpc.Error{Code: e.Code, Message: e.Message, Reason: e.Data.Reason, Retryable: e.Data.Retryable, Details: e.Data.Details}
	}
	return reply.Result, nil
}

// NewServer serves a network and, under the listener's own name, the sandbox methods. A page in a browser
// cannot call them: it would need another Host or a content type that it may not send.
func NewServer(n *sandbox.Network, addr, version string, log *slog.Logger) *http.Server {
	reg := rpc.NewRegistry(rpc.Options{Title: "Waystation sandbox", Version: version, MaxReply: maxControlReply, MaxTimeout: controlTimeout, Log: log})
	reg.MapError = shared.MapError
	sandboxmethods.Register(reg, sandboxmethods.Deps{Network: n})
	admit := func(*http.Request) (rpc.Principal, error) {
		return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "sandbox"}, nil
	}
	control := rpc.HTTPHandler(reg, admit, rpc.PeerOptions{MaxFrame: maxControlBody, Rate: 1e6, Burst: 1e6})
	_, port, _ := net.SplitHostPort(addr)
	own := map[string]bool{addr: true, "127.0.0.1:" + port: true, "localhost:" + port: true}
	return &http.Server{
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if own[r.Host] && r.URL.Path == ControlPath {
				control.ServeHTTP(w, r)
				return
			}
			n.ServeHTTP(w, r)
		}),
	}
}
