package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// The flag of the operator's object storage, flipped while messages with files arrive: a file is stored exactly if
// the flag was not set when its message was logged. The flag of sockets is flipped by the same calls, and the offsets
// of its flips are known, so that each message is checked, also those beside a flip.
func TestSkipFlagsOfMediaUnderLoad(t *testing.T) {
	messages, flips := 150, 20
	if testkit.FullSize() {
		messages, flips = 1500, 100
	}
	const senders = 3
	files := brokertest.S3(t, "media")
	s := startServer(t, "-calls-per-second", "100000", "-call-burst", "100000", "-log-level", "info", "-global-s3-enabled", "-global-s3-endpoint", files.URL(),
		"-global-s3-bucket", "media", "-global-s3-access-key", brokertest.S3Key, "-global-s3-secret-key", brokertest.S3Secret, "-global-s3-path-style",
		"-global-s3-media-delivery", "url", "-s3-uploads", "4")
	token := s.pair("shop", "15550100001")
	client := dial(t, s.url("/v1/ws"), token, object{"filters": []object{{"types": []string{"Message", "MessageMedia"}}}})
	log, _, err := s.app.journal.Lookup(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	content := func(sender, n int) string { return fmt.Sprintf("file %d of %d", n, sender) }

	var load sync.WaitGroup
	done := make(chan struct{})
	for sender := range senders {
		number := fmt.Sprintf("1555010010%d", sender)
		s.call("sandbox.createAccount", object{"number": number, "push_name": "Peer"})
		load.Go(func() {
			for n := range messages / senders {
				reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "sandbox.send", object{"account": number, "to": "15550100001", "content": object{
					"type": "document", "base64": []byte(content(sender, n)), "mime_type": "text/plain", "filename": fmt.Sprintf("%d-%d.txt", sender, n),
				}})
				if reply.Error != nil {
					t.Errorf("send: %+v", reply.Error)
					return
				}
			}
		})
	}
	// Others write at the same time, so that commits have several messages.
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := s.app.journal.Append(context.Background(), "shop", journal.Record{Type: "Presence"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var turns sync.WaitGroup
	flipped := 0
	var seen atomic.Int64 // messages that came
	turns.Go(func() {
		for flipped < flips {
			for int(seen.Load()) < flipped*messages/flips { // spread over all messages
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
			}
			flag := flipped%2 == 0
			reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "session.updateSettings", object{"session": "shop", "skip_global_flags": object{"media_storage": flag, "websocket": flag}})
			if reply.Error != nil {
				t.Errorf("flip: %+v", reply.Error)
				return
			}
			flipped++
		}
	})
	t.Cleanup(turns.Wait)
	t.Cleanup(others.Wait)
	t.Cleanup(sync.OnceFunc(func() { close(done) }))

	// expected contains the content of each file that must be stored, by message; got contains the stored content.
	expected, got := map[string]string{}, map[string]string{}
	beside := map[bool]int{}
	var problem string
	client.event(func(params, data object) bool {
		id, _ := data["message_id"].(string)
		switch params["type"] {
		case "Message":
			var sender, n int
			if _, err := fmt.Sscanf(data["media"].(object)["filename"].(string), "%d-%d.txt", &sender, &n); err != nil {
				problem = err.Error()
				return true
			}
			offset := uint64(params["offset"].(float64))
			skipped := s.app.deliver.Skipped("shop", "websocket", log.Epoch, offset)
			beside[skipped]++
			if !skipped {
				expected[id] = content(sender, n)
			}
			seen.Add(1)
		case "MessageMedia":
			key, _ := data["s3"].(object)["key"].(string)
			got[id] = key
		}
		return int(seen.Load()) == messages && len(got) >= len(expected)
	})
	load.Wait()
	turns.Wait()
	if problem != "" || flipped != flips {
		t.Fatalf("%s, %d flips of %d", problem, flipped, flips)
	}
	testkit.Eventually(t, "the end of uploads", func() bool { return s.app.storage.GlobalStanding().Waiting == 0 })
	stored := files.Objects(t, "media")
	for id, want := range expected {
		if key := got[id]; !bytes.Equal(stored[key], []byte(want)) {
			t.Errorf("%s: %q is stored as %q in %q", id, want, stored[key], key)
		}
	}
	for id := range got {
		if _, wanted := expected[id]; !wanted {
			t.Errorf("%s is stored, although the flag was set when it was logged", id)
		}
	}
	if len(stored) != len(expected) || beside[true] == 0 || beside[false] == 0 {
		t.Errorf("%d objects of %d messages, %d of them with the flag set", len(stored), messages, beside[true])
	}
	var jobs int
	if err := s.app.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM s3_jobs").Scan(&jobs); err != nil || jobs != 0 {
		t.Errorf("%d files wait still, %v", jobs, err)
	}
	t.Logf("%d of %d files stored, by %d flips", len(stored), messages, flips)
}
