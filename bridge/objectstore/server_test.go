package objectstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/brokertest"
)

// TestRealServer runs the main cases against a real server: signatures, parts, rejections, deletions.
func TestRealServer(t *testing.T) {
	live := brokertest.S3(t, bucket)
	url := live.URL()
	w := onSQLite(t, Config{GiveUp: time.Hour})
	good := &Change{
		Enabled: ptr(true), Endpoint: &url, Bucket: ptr(bucket), AccessKey: ptr(brokertest.S3Key), SecretKey: ptr(brokertest.S3Secret), PathStyle: ptr(true),
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
		if stored := live.Objects(t, bucket)[o.Object.Key]; !bytes.Equal(stored, content) {
			t.Errorf("%s is stored as something else: %d bytes", ref, len(stored))
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
	if left := live.Objects(t, bucket); len(left) > 0 {
		t.Errorf("%d objects are left", len(left))
	}
}
