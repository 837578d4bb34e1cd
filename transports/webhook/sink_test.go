package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/webhook/waakg"
	"github.com/waystation/waystation/transports/webhook/wuzapi"
)

// received is a request recorded by a receiver.
type received struct {
	http.Header
	method, path, body string
}

// receiver is an HTTP server that returns the configured response and records its requests.
type receiver struct {
	*httptest.Server
	answer http.HandlerFunc // nil = 200
	got    chan received
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answer: answer, got: make(chan received, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.got <- received{request.Header, request.Method, request.URL.RequestURI(), string(body)}
		if r.answer != nil {
			r.answer(w, request)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

var message = &journal.Event{
	Session: "shop", Offset: 7, ID: "01KABC", Type: "Message", Origin: journal.OriginWhatsApp,
	Time: time.UnixMilli(1767225600123), Data: []byte(`{"text":"Grüße <&>","chat":"15550100002@s.whatsapp.net","timestamp":"2026-01-01T00:00:00Z"}`),
}

func delivery(e *journal.Event) *dispatch.Delivery {
	return &dispatch.Delivery{Event: e, Body: e.Body(), Attempt: 1}
}

func (w *world) deliver(t *testing.T, key Key, d *dispatch.Delivery) (int, error) {
	t.Helper()
	return w.dispatcher.sink.Deliver(t.Context(), w.dispatcher.targets[targetID(key)], d)
}

// The request as a receiver sees it: the body is byte for byte that of sockets, with headers for verification and routing.
func TestRequest(t *testing.T) {
	w := onSQLite(t, Config{})
	w.clock = time.Unix(1767225601, 0)
	r := newReceiver(t, nil)
	set := requireNoError[*Webhook](t)
	set(w.Update(t.Context(), shop, Change{URL: ptr(r.URL + "/hook?of=shop")}))
	d := delivery(message)
	if code, err := w.deliver(t, shop, d); code != 200 || err != nil {
		t.Fatal(code, err)
	}
	got := <-r.got
	for name, want := range map[string]string{
		"Content-Type": "application/json", headerEvent: "Message", headerEventID: "01KABC", headerSession: "shop", headerOffset: "7",
		headerAttempt: "1", headerTimestamp: "1767225601", headerReplay: "", headerSignature: "", "User-Agent": userAgent,
	} {
		if got.Get(name) != want || name != http.CanonicalHeaderKey(name) {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if got.method != "POST" || got.path != "/hook?of=shop" || got.body != string(message.Body()) {
		t.Errorf("%s %s %s", got.method, got.path, got.body)
	}

	set(w.RotateSecret(t.Context(), shop, "first-secret-0000", time.Hour))
	set(w.RotateSecret(t.Context(), shop, "second-secret-000", time.Hour))
	d.Attempt, d.Replay = 3, true
	if _, err := w.deliver(t, shop, d); err != nil {
		t.Fatal(err)
	}
	got = <-r.got
	if got.Get(headerAttempt) != "3" || got.Get(headerReplay) != "true" {
		t.Errorf("%v", got.Header)
	}
	var want []string
	for _, secret := range []string{"second-secret-000", "first-secret-0000"} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(got.Get(headerTimestamp) + "." + got.body))
		want = append(want, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	if got.Get(headerSignature) != strings.Join(want, ",") {
		t.Errorf("signed %s, want %v", got.Get(headerSignature), want)
	}
}

// outcome returns the class of a delivery's error.
func outcome(err error) string {
	if err == nil {
		return "delivered"
	}
	cause := errors.Unwrap(err)
	switch {
	case cause == nil:
		return "retry"
	case reflect.DeepEqual(err, dispatch.Permanent(cause)):
		return "permanent"
	case reflect.DeepEqual(err, dispatch.Unreachable(cause)):
		return "unreachable"
	case reflect.DeepEqual(err, dispatch.RetryAfter(cause, 5*time.Second)):
		return "retry after 5s"
	}
	return "retry after"
}

// endless responds until the client disconnects.
func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

func TestAnswers(t *testing.T) {
	w := onSQLite(t, Config{})
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   int
		want   string
	}{
		"200":               {status(200), 200, "delivered"},
		"204":               {status(204), 204, "delivered"},
		"redirect":          {status(302, "Location", "http://127.0.0.1:1/"), 302, "permanent"},
		"401":               {status(401), 401, "permanent"},
		"404":               {status(404), 404, "permanent"},
		"410":               {status(410), 410, "permanent"},
		"429":               {status(429), 429, "retry"},
		"429 later":         {status(429, "Retry-After", "5"), 429, "retry after 5s"},
		"503 later":         {status(503, "Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)), 503, "retry after"},
		"503 that lies":     {status(503, "Retry-After", "soon"), 503, "retry"},
		"500":               {status(500), 500, "retry"},
		"without end":       {endless, 200, "delivered"},
		"cut":               {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "retry"},
		"said to be larger": {status(200, "Content-Length", "99999999999"), 200, "delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, c.answer)
			requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(r.URL + "/secret-path")}))
			code, err := w.deliver(t, shop, delivery(message))
			if code != c.code || outcome(err) != c.want {
				t.Errorf("code %d, %s (%v), want %d, %s", code, outcome(err), err, c.code, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret-path") {
				t.Errorf("the error repeats the address: %v", err)
			}
			standing := w.Standing(shop)
			reason := broker.ReasonOf(err)
			if standing.LastStatus != c.code || standing.Reason != reason || (reason == broker.ReasonUnreachable) != (c.code == 0) || (standing.LastError == "") != (err == nil) || (standing.Failures == 0) != (err == nil) {
				t.Errorf("standing %+v", standing)
			}
		})
	}
}

// No server listens: the host is unreachable, and the event is not at fault.
func TestUnreachableHost(t *testing.T) {
	w := onSQLite(t, Config{})
	r := newReceiver(t, nil)
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(r.URL)}))
	r.Close()
	if code, err := w.deliver(t, shop, delivery(message)); code != 0 || outcome(err) != "unreachable" || w.Standing(shop).Reason != broker.ReasonUnreachable {
		t.Errorf("%d, %s: %v", code, outcome(err), err)
	}
}

// The address was public when it was set and is not any more, as after a DNS change.
func TestAddressIsCheckedAgain(t *testing.T) {
	w := onSQLite(t, Config{})
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(publicURL)}))
	if _, err := w.db.Exec(t.Context(), `UPDATE webhooks SET url='http://169.254.169.254/latest/meta-data'`); err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, w.db, Config{})
	if _, err := again.deliver(t, shop, delivery(message)); err == nil || !strings.Contains(err.Error(), "not a public address") {
		t.Errorf("%v", err)
	}
}

// A request to a receiver that does not respond ends after the attempt timeout; one that was switched off receives no request.
func TestHangingReceiver(t *testing.T) {
	w := onSQLite(t, Config{Policy: dispatch.Policy{AttemptTimeout: 500 * time.Millisecond}})
	released := make(chan struct{})
	var hung atomic.Int32
	r := newReceiver(t, func(_ http.ResponseWriter, request *http.Request) {
		hung.Add(1)
		select {
		case <-released:
		case <-request.Context().Done():
		}
	})
	t.Cleanup(func() { close(released) })
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(r.URL)}))
	target := w.dispatcher.targets[targetID(shop)]
	ctx, cancel := context.WithTimeout(t.Context(), w.dispatcher.policy.AttemptTimeout)
	defer cancel()
	if _, err := w.dispatcher.sink.Deliver(ctx, target, delivery(message)); !errors.Is(err, errTimeout) {
		t.Errorf("it hangs: %v", err)
	}
	if hung.Load() != 1 || !w.sink.slots.slow[shop] {
		t.Errorf("hung %d times, slow: %v", hung.Load(), w.sink.slots.slow)
	}
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{Active: ptr(false)}))
	if _, err := w.dispatcher.sink.Deliver(t.Context(), target, delivery(message)); !errors.Is(err, errGone) || hung.Load() != 1 {
		t.Errorf("switched off: %v", err)
	}
	if len(w.sink.slots.slow) != 0 {
		t.Errorf("remembered: %v", w.sink.slots.slow)
	}
}

// "*" includes no signals; one subscribed by name is sent, without offset and id.
func TestSignals(t *testing.T) {
	w := onSQLite(t, Config{})
	r := newReceiver(t, nil)
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(r.URL), Events: []string{"*", "Presence"}}))
	for _, name := range []string{"ChatPresence", "Presence"} {
		signal := &journal.Event{Session: "shop", Type: name, Data: []byte(`{}`)}
		d := &dispatch.Delivery{Event: signal, Body: []byte(`{"session":"shop"}`), Attempt: 1, Signal: true}
		if _, err := w.deliver(t, shop, d); err != nil {
			t.Fatal(err)
		}
	}
	got := <-r.got
	if got.Get(headerEvent) != "Presence" || got.Get(headerOffset) != "" || got.Get(headerEventID) != "" || got.body != `{"session":"shop"}` {
		t.Errorf("%v", got)
	}
	if len(r.got) != 0 {
		t.Errorf("also %v", <-r.got)
	}
}

func TestOtherFormats(t *testing.T) {
	w := onSQLite(t, Config{})
	r := newReceiver(t, nil)
	update := func(c Change) {
		t.Helper()
		requireNoError[*Webhook](t)(w.Update(t.Context(), shop, c))
		if _, err := w.deliver(t, shop, delivery(message)); err != nil {
			t.Fatal(err)
		}
	}
	update(Change{URL: ptr(r.URL), Format: ptr(FormatWuzapi), Events: []string{"*"}})
	form, err := url.ParseQuery((<-r.got).body)
	if err != nil || !strings.Contains(form.Get("jsonData"), `"conversation":"Grüße`) || form.Has("token") {
		t.Errorf("%v, %v", form, err)
	}
	update(Change{BodyToken: ptr("token-of-shop")})
	got := <-r.got
	if form, _ = url.ParseQuery(got.body); form.Get("token") != "token-of-shop" || got.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("%v", got)
	}
	update(Change{Format: ptr(FormatWuzapiJSON)})
	if got = <-r.got; got.Get("Content-Type") != "application/json" || !strings.Contains(got.body, `"instanceName":"shop"`) || strings.Contains(got.body, "token-of-shop") {
		t.Errorf("%v", got)
	}
	update(Change{Format: ptr(FormatWAAKG), Secret: ptr("0123456789abcdef")})
	if got = <-r.got; got.Get("X-Webhook-Signature") != waakg.Sign([]byte(got.body), "0123456789abcdef") || got.Get(headerSignature) == "" ||
		!strings.HasPrefix(got.body, `{"event":"message.received","sessionId":"shop"`) {
		t.Errorf("%v", got)
	}
	update(Change{Format: ptr(FormatWWebJS)})
	if got = <-r.got; got.Get("X-Api-Key") != "token-of-shop" || got.Get("X-Webhook-Signature") != "" ||
		!strings.HasPrefix(got.body, `{"dataType":"message","data":{"message":`) || !strings.HasSuffix(got.body, `,"sessionId":"shop"}`) {
		t.Errorf("%v", got)
	}
	update(Change{Format: ptr(FormatWuzapiJSON)})
	if got = <-r.got; got.Get("X-Webhook-Signature") != "" || got.Get("X-Api-Key") != "" ||
		got.Get("X-Hmac-Signature") != wuzapi.Sign([]byte(got.body), "0123456789abcdef") {
		t.Errorf("%v", got)
	}
	// wuzapi does not support it: no request is made, and the event counts as delivered.
	played := &journal.Event{Session: "shop", Offset: 8, ID: "01KABD", Type: "ReadReceipt", Data: []byte(`{"type":"played","timestamp":"2026-01-01T00:00:00Z"}`)}
	if code, err := w.deliver(t, shop, delivery(played)); err != nil || code != 0 || len(r.got) != 0 {
		t.Errorf("%d, %v, %d requests", code, err, len(r.got))
	}
	asked := delivery(played)
	asked.Replay = true
	if _, err := w.deliver(t, shop, asked); err == nil || err.Error() != "the format wuzapi_json has no word for this event" || len(r.got) != 0 {
		t.Errorf("replayed: %v, %d requests", err, len(r.got))
	}
}

func TestTrial(t *testing.T) {
	w := onSQLite(t, Config{})
	if _, err := w.Test(t.Context(), shop); !errors.Is(err, ErrNoURL) {
		t.Errorf("without url: %v", err)
	}
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, strings.Repeat("short and stout ", 1000))
	})
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(r.URL), Active: ptr(false), Secret: ptr("0123456789abcdef")}))
	out := requireNoError[TestResult](t)(w.Test(t.Context(), shop))
	got := <-r.got
	if out.Status != 418 || out.Error == "" || len(out.Body) != maxTestBody || out.Duration <= 0 {
		t.Errorf("%+v", out)
	}
	seconds, _ := strconv.ParseInt(got.Get(headerTimestamp), 10, 64)
	if got.Get(headerEvent) != testType || got.Get(headerEventID) != out.EventID || got.Get(headerSignature) != Sign(time.Unix(seconds, 0), []byte(got.body), "0123456789abcdef") {
		t.Errorf("%v", got)
	}
	r.Close()
	if out = requireNoError[TestResult](t)(w.Test(t.Context(), shop)); out.Status != 0 || out.Error == "" {
		t.Errorf("unreachable host: %+v", out)
	}
	if standing := w.Standing(shop); !standing.LastAttempt.IsZero() {
		t.Errorf("trials count as deliveries: %+v", standing)
	}
}
