package s3

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// gateway is a storage in a process of its own, which checks signatures and rights.
func gateway(t *testing.T) (url, dir string) {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		t.Skip("needs versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	dir = t.TempDir()
	if err = os.Mkdir(filepath.Join(dir, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "--access", "key", "--secret", "hunter2-hunter2", "--port", address, "--quiet", "posix", dir)
	if err = command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := client.Get("http://" + address)
		if err == nil {
			_ = response.Body.Close()
			return "http://" + address, dir
		}
		if time.Now().After(deadline) {
			t.Fatalf("the storage does not start: %v", err)
		}
	}
}

// The same against a server that is nobody's fake: signatures, parts, refusals, deletions.
func TestRealServer(t *testing.T) {
	url, dir := gateway(t)
	w := onSQLite(t, Config{GiveUp: time.Hour})
	good := &Change{
		Enabled: ptr(true), Endpoint: &url, Bucket: ptr(bucket), AccessKey: ptr("key"), SecretKey: ptr("hunter2-hunter2"), PathStyle: ptr(true),
		DisableACL: ptr(true), RetentionDays: ptr(1),
	}
	w.set("shop", good)
	if err := w.Test(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), (2*partSize+partSize/2)/16)
	for ref, content := range map[string][]byte{"small": []byte("a picture"), "large": large} {
		w.add("shop", ref, content)
		o := w.outcome(PlaceSession, ref)
		if o.Object == nil {
			t.Fatalf("%s: %v", ref, o.Error)
		}
		stored, err := os.ReadFile(filepath.Join(dir, bucket, filepath.FromSlash(o.Object.Key)))
		if err != nil || !bytes.Equal(stored, content) {
			t.Errorf("%s is stored as something else: %d bytes, %v", ref, len(stored), err)
		}
	}
	for name, c := range map[string]struct {
		change Change
		field  string
		reason Reason
	}{
		"key":    {Change{AccessKey: ptr("another")}, "access_key", ReasonCredentials},
		"secret": {Change{SecretKey: ptr("another")}, "secret_key", ReasonCredentials},
		"bucket": {Change{Bucket: ptr("another")}, "bucket", ReasonBucket},
	} {
		w.set("shop", good, &c.change)
		var e *Error
		if err := w.Test(t.Context(), "shop"); !errors.As(err, &e) || e.Field != c.field || e.Reason != c.reason {
			t.Errorf("%s: %v: %v", name, err, errors.Unwrap(err))
		}
	}
	w.set("shop", good)
	w.advance(25 * time.Hour)
	if st := w.runCycle(); st.Deleted != 2 || st.Errors != 0 || st.Reclaimed != int64(len(large)+9) {
		t.Errorf("retention: %+v", st)
	}
}
