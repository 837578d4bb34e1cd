package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

// toDefaults sends the events of each session to its default webhook.
type toDefaults struct {
	sink    dispatch.Sink
	targets map[string]dispatch.Target // by session
}

func newToDefaults(d *fakeDispatcher) toDefaults {
	to := toDefaults{d.sink, map[string]dispatch.Target{}}
	for _, t := range d.targets {
		to.targets[t.Session] = t
	}
	return to
}

func (d toDefaults) Deliver(ctx context.Context, t dispatch.Target, e *dispatch.Delivery) (int, error) {
	return d.sink.Deliver(ctx, d.targets[t.Session], e)
}

func (d toDefaults) Admit(ctx context.Context, t dispatch.Target) (func(), error) {
	return d.sink.(dispatch.Admitter).Admit(ctx, d.targets[t.Session])
}

// Fifty sessions with a webhook each at one host, compared with fifty goroutines that post the same bodies with net/http over persistent connections.
func TestThroughput(t *testing.T) {
	load := brokertest.Load{Sessions: 50, Events: 2000, Size: 1000}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(receiver.Close)
	w := onSQLite(t, Config{HostRequests: load.Sessions})
	deliveries := load.Deliveries()
	for _, d := range deliveries {
		requireNoError[*Webhook](t)(w.Update(t.Context(), Key{d.Event.Session, DefaultID}, Change{URL: ptr(receiver.URL), Events: []string{"Message"}}))
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: load.Sessions}}
	t.Cleanup(client.CloseIdleConnections)
	sink := newToDefaults(w.dispatcher)
	load.Throughput(t, 0.5, func() float64 {
		return load.LaneRate(t, func(ctx context.Context, lane int) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, receiver.URL, strings.NewReader(string(deliveries[lane].Body)))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
				err = fmt.Errorf("answered %d", response.StatusCode)
			}
			return err
		})
	}, func() float64 { return load.JournalRate(t, sink) })
}
