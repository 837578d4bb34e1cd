// Command go receives the events of a session by webhook, checks that they come from the server, and prints each once.
package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxAge     = 5 * time.Minute // an older request is a recording
	maxBody    = 1 << 20
	remembered = 10000 // ids; a repeat follows soon after the first, a replay by hand may come later
)

func main() {
	r := &receiver{seen: map[string]bool{}}
	for secret := range strings.SplitSeq(os.Getenv("WEBHOOK_SECRETS"), ",") { // two while the key is being changed
		if secret != "" {
			r.secrets = append(r.secrets, secret)
		}
	}
	if len(r.secrets) == 0 {
		log.Fatal("set WEBHOOK_SECRETS to the secret of the webhook")
	}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:9000"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{Handler: r, ReadTimeout: time.Minute}
	log.Fatal(server.Serve(listener))
}

// receiver takes the requests of a webhook.
type receiver struct {
	secrets []string

	mu    sync.Mutex
	seen  map[string]bool
	order []string // of seen, the oldest first
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			status = http.StatusRequestEntityTooLarge
		}
		w.WriteHeader(status)
		return
	}
	timestamp := request.Header.Get("X-Waystation-Timestamp")
	if !r.signed(request.Header.Get("X-Waystation-Signature"), timestamp, body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var event struct {
		Session, ID, Type string
		Offset            uint64
		Data              struct{ Text string }
	}
	if seconds, err := strconv.ParseInt(timestamp, 10, 64); err != nil || time.Since(time.Unix(seconds, 0)).Abs() > maxAge || json.Unmarshal(body, &event) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.first(event.ID) {
		// Do the work here, or put it where it is safe; only then answer 2xx. Anything else brings the event again.
		fmt.Println(event.Session, event.Offset, event.Type, event.Data.Text)
	}
}

// signed tells whether one of the signatures was made with one of our keys.
func (r *receiver) signed(header, timestamp string, body []byte) bool {
	for _, secret := range r.secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(timestamp + "."))
		mac.Write(body)
		ours := "v1=" + hex.EncodeToString(mac.Sum(nil))
		for given := range strings.SplitSeq(header, ",") {
			if hmac.Equal([]byte(strings.TrimSpace(given)), []byte(ours)) {
				return true
			}
		}
	}
	return false
}

// first tells whether an event is new.
func (r *receiver) first(id string) bool {
	if id == "" {
		return true // signals have none
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		return false
	}
	r.seen[id] = true
	r.order = append(r.order, id)
	if len(r.order) > remembered {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
	return true
}
