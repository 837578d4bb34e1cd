package objectstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/refusal"
)

func TestSettings(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, w *world) {
		if c := w.Settings("shop"); c.Enabled || c.Delivery != DeliveryBoth || !c.Updated.IsZero() {
			t.Errorf("at first: %+v", c)
		}
		w.set("shop", &Change{Endpoint: ptr("http://127.0.0.1:9/"), AccessKey: ptr("the key"), SecretKey: ptr("hunter2"), Bucket: ptr("files"), RetentionDays: ptr(3)})
		w.set("shop", &Change{Enabled: ptr(true), AccessKey: ptr(Masked), SecretKey: ptr(Masked), Region: ptr("eu-1")}) // masked keys stay as they were
		var access, secret []byte
		if err := w.files.db.QueryRow(t.Context(), `SELECT access_key, secret_key FROM s3_settings`).Scan(&access, &secret); err != nil {
			t.Fatal(err)
		}
		if len(access) == 0 || strings.Contains(string(access), "the key") || strings.Contains(string(secret), "hunter2") {
			t.Error("keys are stored as they are")
		}
		before := w.Settings("shop")
		w.stop()
		w.start()
		if c := w.Settings("shop"); c != before || c.SecretKey != "hunter2" || c.AccessKey != "the key" || c.Endpoint != "http://127.0.0.1:9" || c.RetentionDays != 3 {
			t.Errorf("after a restart %+v, before %+v", c, before)
		}
		other := w.cfg
		other.Key = []byte("another key of thirty-two bytes.")
		if _, err := Open(t.Context(), w.files.db, other); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("another key opens them: %v", err)
		}
		if found, err := w.Delete(t.Context(), "shop"); !found || err != nil {
			t.Errorf("deleted %v, %v", found, err)
		}
		if found, err := w.Delete(t.Context(), "shop"); found || err != nil {
			t.Errorf("deleted again %v, %v", found, err)
		}
	})
}

func TestBadSettings(t *testing.T) {
	w := onSQLite(t, Config{})
	long := strings.Repeat("x", maxField+1)
	for field, c := range map[string]*Change{
		"media_delivery": {Delivery: ptr(Delivery("fax"))}, "retention_days": {RetentionDays: ptr(-1)}, "bucket": {Bucket: ptr("No Bucket")},
		"endpoint": {Endpoint: ptr("ftp://127.0.0.1")}, "public_url": {PublicURL: ptr("https://user:secret@cdn.example")},
		"region": {Region: ptr(long)}, "access_key": {AccessKey: ptr("a\nb")}, "secret_key": {SecretKey: ptr(long)},
	} {
		var bad refusal.Problems
		if _, err := w.Update(t.Context(), "shop", c); !errors.As(err, &bad) || len(bad) != 1 || bad[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, address := range []string{"http://127.0.0.1/path", "http://127.0.0.1?x=1", "http://10.0.0.1", "http://169.254.169.254", "http://a.b.invalid", "//x", "http://"} {
		var bad refusal.Problems
		if _, err := w.Update(t.Context(), "shop", &Change{Endpoint: &address}); !errors.As(err, &bad) || bad[0].Field != "endpoint" {
			t.Errorf("%s: %v", address, err)
		}
	}
	var bad refusal.Problems
	err := w.Check(t.Context(), &Change{Enabled: ptr(true)})
	fields := []string{}
	if errors.As(err, &bad) {
		for _, b := range bad {
			fields = append(fields, b.Field)
		}
	}
	if !slices.Equal(fields, []string{"bucket", "access_key", "secret_key"}) {
		t.Errorf("enabled without anything: %v", err)
	}
	if c := w.Settings("shop"); c.Bucket != "" || c.Endpoint != "" {
		t.Errorf("refused settings are kept: %+v", c)
	}
	if _, err := Open(t.Context(), w.files.db, Config{Key: make([]byte, 32), Global: Settings{Enabled: true}}); !errors.As(err, &bad) {
		t.Errorf("the operator's: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for want, c := range map[string]Settings{
		"https://media.s3.eu-1.amazonaws.com/a/b%20c": {Bucket: "media", Region: "eu-1"},
		"https://s3.eu-1.amazonaws.com/media/a/b%20c": {Bucket: "media", Region: "eu-1", PathStyle: true},
		"https://media.s3.example:9000/a/b%20c":       {Bucket: "media", Endpoint: "https://s3.example:9000"},
		"http://s3.example/media/a/b%20c":             {Bucket: "media", Endpoint: "http://s3.example", PathStyle: true},
		"https://cdn.example/x/a/b%20c":               {Bucket: "media", Endpoint: "http://s3.example", PublicURL: "https://cdn.example/x"},
	} {
		if got := c.url("a/b c"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestDisposition checks that a file of a stranger cannot run as a page of the storage's host.
func TestDisposition(t *testing.T) {
	for kind, want := range map[string]string{
		"image/png": "", "video/mp4": "", "audio/ogg; codecs=opus": "", "application/pdf": "",
		"text/html": "attachment; filename=a.html", "image/svg+xml": "attachment; filename=a.html", "nonsense": "attachment; filename=a.html",
	} {
		if got := disposition(&File{MimeType: kind, Filename: "a.html"}); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

// TestSlowLookUpHoldsUpNobody checks that a slow look-up of an endpoint's host delays only its own session.
func TestSlowLookUpHoldsUpNobody(t *testing.T) {
	asked, answered := make(chan struct{}), make(chan struct{})
	const slow = "https://slow.example"
	w := onSQLite(t, Config{Check: func(_ context.Context, address string) error {
		if address == slow {
			close(asked)
			<-answered
		}
		return nil
	}})
	done := make(chan error, 1)
	go func() {
		_, err := w.Update(context.Background(), "a", &Change{Endpoint: ptr(slow)})
		done <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := w.Update(ctx, "b", &Change{Endpoint: ptr("https://other.example")}); err != nil {
		t.Error(err)
	}
	if err := w.DropSession(ctx, "c", false); err != nil {
		t.Error(err)
	}
	// A concurrent change of another call stays.
	if _, err := w.Update(ctx, "a", &Change{Bucket: ptr("bucket")}); err != nil {
		t.Error(err)
	}
	close(answered)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c := w.Settings("a"); c.Endpoint != slow || c.Bucket != "bucket" {
		t.Errorf("%+v", c)
	}
}
