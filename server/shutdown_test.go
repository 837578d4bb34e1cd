package main

import (
	"bytes"
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// A call that outlasts the shutdown is cut, and leaves enough time for the final writes.
func TestShutdownDuringALongCall(t *testing.T) {
	s := startServer(t, "-shutdown-timeout", "4s")
	s.call("sandbox.createAccount", object{"number": "15550100002"})
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url("/v1/rpc"), bytes.NewReader([]byte(
		`{"jsonrpc":"2.0","id":1,"method":"sandbox.awaitMessage","params":{"account":"15550100002","text":"never","wait_seconds":60,"_meta":{"timeout_ms":60000}}}`)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.token)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		response, err := plainHTTP.Do(request)
		if err == nil {
			_ = response.Body.Close()
			t.Errorf("the call was answered: %s", response.Status)
		}
	}()
	testkit.Eventually(t, "the call is under way", func() bool {
		stacks := make([]byte, 1<<20)
		return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "sandbox.(*Phone).Await(")
	})
	s.stop() // fails when anything could not be closed
	<-ended
}
