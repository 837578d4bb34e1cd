package guard

import (
	"io"
	"net/http"
	"time"
)

// Limits bound the requests of one client. A zero field takes its default.
type Limits struct {
	// Timeout covers a request from dial to the end of the body. Default 30 s.
	Timeout time.Duration
	// MaxBytes bounds a response body after decompression. Default 16 MiB.
	MaxBytes int64
	// MaxRedirects bounds the redirects followed. Default 5; a negative value
	// follows none and hands the redirect itself to the caller.
	MaxRedirects int
}

// Client makes an http.Client whose every connection and redirect passes the
// guard. Clients of one guard share their connections.
func (g *Guard) Client(limits Limits) *http.Client {
	if limits.Timeout == 0 {
		limits.Timeout = defaultTimeout
	}
	if limits.MaxBytes == 0 {
		limits.MaxBytes = defaultMaxBytes
	}
	if limits.MaxRedirects == 0 {
		limits.MaxRedirects = defaultMaxRedirects
	}
	return &http.Client{
		Transport: &limited{next: g.transport, maxBytes: limits.MaxBytes},
		Timeout:   limits.Timeout,
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if limits.MaxRedirects < 0 {
				return http.ErrUseLastResponse
			}
			if len(before) > limits.MaxRedirects {
				return &Error{
					Reason: ReasonTooManyRedirects, Host: canonicalHost(next.URL.Hostname()), Limit: int64(limits.MaxRedirects),
				}
			}
			return checkURL(next.URL)
		},
	}
}

// limited checks each hop's URL and bounds each hop's body.
type limited struct {
	next     http.RoundTripper
	maxBytes int64
}

// RoundTrip implements http.RoundTripper.
func (l *limited) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := checkURL(request.URL); err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	if query := EncodeQuery(request.URL.RawQuery); query != request.URL.RawQuery { // of a redirect, for example
		request = request.Clone(request.Context())
		request.URL.RawQuery = query
	}
	response, err := l.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body := &boundedBody{ReadCloser: response.Body, left: l.maxBytes, limit: l.maxBytes, host: request.URL.Hostname()}
	if response.ContentLength > l.maxBytes && request.Method != http.MethodHead {
		response.Body.Close()
		return nil, body.tooLarge()
	}
	response.Body = body
	return response, nil
}

// boundedBody fails when more than its limit comes, instead of ending quietly
// as io.LimitReader does: a file cut short must not pass for the whole.
type boundedBody struct {
	io.ReadCloser
	left, limit int64
	host        string
}

func (b *boundedBody) tooLarge() error {
	return &Error{Reason: ReasonTooLarge, Host: canonicalHost(b.host), Limit: b.limit}
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLarge()
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, b.tooLarge()
	}
	return n, err
}
