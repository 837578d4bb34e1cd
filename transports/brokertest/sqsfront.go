package brokertest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// SQSFront is a proxy in front of an SQS server and can reject actions, as SQS does for callers without the right. Its methods may be called at any
// time.
type SQSFront struct {
	URL, Addr string
	denied    atomic.Pointer[string] // nil = nothing
}

// NewSQSFront starts one for the length of the test.
func NewSQSFront(t testing.TB, server *SQSServer) *SQSFront {
	t.Helper()
	to, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	f := &SQSFront{}
	pass := &httputil.ReverseProxy{
		Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		// The client finds the connection closed, as if by the server.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut
		}
		if denied := f.denied.Load(); denied != nil && bytes.Contains(body, []byte(*denied)) {
			writeDenied(w, r, *denied)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	f.URL, f.Addr = front.URL, front.Listener.Addr().String()
	return f
}

func writeDenied(w http.ResponseWriter, r *http.Request, queue string) {
	action := strings.ToLower(strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Query-Error", "AccessDenied;Sender")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"User: arn:aws:iam::123456789012:user/way is not authorized `+
		`to perform: sqs:%s on resource: arn:aws:sqs:us-east-1:123456789012:%s"}`, action, queue)
}

// Deny rejects requests that name a queue, or a prefix of queue names, until Allow.
func (f *SQSFront) Deny(queue string) { f.denied.Store(&queue) }

// Allow ends Deny.
func (f *SQSFront) Allow() { f.denied.Store(nil) }
