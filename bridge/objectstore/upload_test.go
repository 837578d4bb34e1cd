package objectstore

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestFilesAreStored(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, w *world) {
		s := newServer(t)
		w.set("shop", to(s))
		large := bytes.Repeat([]byte("0123456789abcdef"), (partSize+partSize/2)/16) // two parts
		w.add("shop", "small", []byte("a picture"))
		w.add("shop", "large", large)
		for ref, content := range map[string][]byte{"small": []byte("a picture"), "large": large} {
			o := w.outcome(PlaceSession, ref)
			if o.Error != nil || o.Object == nil || o.Delivery != DeliveryBoth {
				t.Fatalf("%s: %+v", ref, o)
			}
			if !bytes.Equal(s.object(t, o.Object.Key), content) {
				t.Errorf("%s is stored as something else", ref)
			}
			if o.Object.URL != s.URL+"/"+bucket+"/"+o.Object.Key || !strings.HasPrefix(o.Object.Key, "shop/") || !strings.HasSuffix(o.Object.Key, ".png") ||
				o.Object.Size != int64(len(content)) || o.Object.MimeType != "image/png" {
				t.Errorf("%s: %+v", ref, o.Object)
			}
		}
		if s.public != 2 {
			t.Errorf("%d objects are public", s.public)
		}
		if n := w.count(`SELECT COUNT(*) FROM s3_objects`); n != 2 {
			t.Errorf("%d objects are known", n)
		}
		testkit.Eventually(w.t, "the end of the lane", func() bool { return w.Standing("shop").Waiting == 0 })
		if st := w.Standing("shop"); st.Stored != 2 || st.LastError != nil {
			t.Errorf("standing %+v", st)
		}
		w.set("shop", &Change{DisableACL: ptr(true), PublicURL: ptr("https://cdn.example/files/"), Delivery: ptr(Delivery("s3"))})
		w.add("shop", "quiet", []byte("x"))
		if o := w.outcome(PlaceSession, "quiet"); s.public != 2 || o.Delivery != DeliveryURL || o.Object.URL != "https://cdn.example/files/"+o.Object.Key {
			t.Errorf("%+v, %d objects are public", o, s.public)
		}
		// A message that is received twice is stored once.
		w.add("shop", "quiet", []byte("x"))
	})
}

// TestPlaces checks the storages of a file: the session's own, the operator's, both or none; with base64 in events
// alone.
func TestPlaces(t *testing.T) {
	own, global := newServer(t), newServer(t)
	w := onSQLite(t, Config{Global: Settings{
		Enabled: true, Endpoint: global.URL, Bucket: bucket, AccessKey: "key", SecretKey: "secret", PathStyle: true, Delivery: "s3",
	}})
	w.add("shop", "one", []byte("1"))
	if o := w.outcome(PlaceGlobal, "one"); o.Object == nil || o.Delivery != DeliveryURL {
		t.Errorf("%+v", o)
	}
	w.set("shop", to(own))
	w.add("shop", "two", []byte("2"))
	for _, place := range []Place{PlaceSession, PlaceGlobal} {
		if o := w.outcome(place, "two"); o.Object == nil {
			t.Errorf("%s: %+v", place, o)
		}
	}
	w.set("shop", &Change{Delivery: ptr(DeliveryBase64)})
	w.add("shop", "three", []byte("3"))
	if o := w.outcome(PlaceSession, "three"); o.Object != nil || o.Delivery != DeliveryBase64 || o.Error != nil || own.objects(t) != 1 {
		t.Errorf("base64: %+v", o)
	}
	if _, err := w.Delete(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if places, _ := w.Plan("shop"); len(places) != 1 || places[0] != PlaceGlobal {
		t.Errorf("after Delete: %v", places)
	}
}

// TestProblemsNameTheSetting checks a storage that rejects requests: the storage test and the status name the setting,
// and the event with the reason is emitted after Config.GiveUp.
func TestProblemsNameTheSetting(t *testing.T) {
	s := newServer(t)
	gone := newServer(t)
	gone.Close()
	answer := func(status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, status, code); return true }
	}
	for name, c := range map[string]struct {
		change *Change
		mood   func(http.ResponseWriter, *http.Request) bool
		field  string
		reason Reason
	}{
		"key":      {change: &Change{AccessKey: ptr("another")}, field: "access_key", reason: ReasonCredentials},
		"secret":   {mood: answer(http.StatusForbidden, "SignatureDoesNotMatch"), field: "secret_key", reason: ReasonCredentials},
		"rights":   {mood: answer(http.StatusForbidden, "AccessDenied"), field: "access_key", reason: ReasonDenied},
		"bucket":   {change: &Change{Bucket: ptr("another")}, field: "bucket", reason: ReasonBucket},
		"region":   {mood: answer(http.StatusBadRequest, "AuthorizationHeaderMalformed"), field: "region", reason: ReasonRegion},
		"acl":      {mood: answer(http.StatusBadRequest, "AccessControlListNotSupported"), field: "disable_acl", reason: ReasonDenied},
		"down":     {change: &Change{Endpoint: ptr(gone.URL)}, field: "endpoint", reason: ReasonUnreachable},
		"hanging":  {mood: s.hang, field: "endpoint", reason: ReasonTimeout},
		"an error": {mood: answer(http.StatusInternalServerError, "InternalError"), field: "endpoint", reason: ReasonFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, Config{GiveUp: 200 * time.Millisecond, UploadTimeout: time.Second, TestTimeout: time.Second})
			s.be(c.mood)
			defer s.be(nil)
			w.set("shop", to(s))
			if c.change != nil {
				w.set("shop", c.change)
			}
			err := w.Test(t.Context(), "shop")
			var e *Error
			if !errors.As(err, &e) || e.Field != c.field || e.Reason != c.reason {
				t.Fatalf("trial: %#v", err)
			}
			w.add("shop", "file", []byte("x"))
			o := w.outcome(PlaceSession, "file")
			if o.Error == nil || o.Error.Field != c.field || o.Error.Reason != c.reason || o.Object != nil || o.Delivery != DeliveryBase64 {
				t.Errorf("told: %+v, %v", o, o.Error)
			}
			if st := w.Standing("shop"); st.LastError == nil || st.LastError.Field != c.field || st.LastErrorAt.IsZero() {
				t.Errorf("standing: %+v", st)
			}
			if text := fmt.Sprint(err); strings.Contains(text, "127.0.0.1") || strings.Contains(text, "hunter2") {
				t.Errorf("the text says too much: %s", text)
			}
		})
	}
}

func TestTrial(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{})
	var e *Error
	if err := w.Test(t.Context(), "shop"); !errors.As(err, &e) || e.Reason != ReasonDisabled {
		t.Errorf("without settings: %v", err)
	}
	w.set("shop", to(s))
	if err := w.Test(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
	if n := s.objects(t); n != 0 {
		t.Errorf("the trial left %d objects", n)
	}
}

func TestFileProblems(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{MaxBytes: 10, GiveUp: time.Minute})
	w.set("shop", to(s))
	w.add("shop", "large", make([]byte, 11))
	if o := w.outcome(PlaceSession, "large"); o.Error == nil || o.Error.Reason != ReasonTooLarge || o.Error.Field != "media" {
		t.Errorf("too large: %+v", o)
	}
	w.files.mu.Lock()
	w.files.fail["gone"] = &Error{Reason: ReasonFile, Field: "media", Message: "WhatsApp no longer has it", Final: true}
	w.files.fail["later"] = errors.New("not connected")
	w.files.mu.Unlock()
	w.add("shop", "gone", []byte("x"))
	w.add("shop", "later", []byte("x"))
	w.add("shop", "behind", []byte("x"))
	if o := w.outcome(PlaceSession, "gone"); o.Error == nil || o.Error.Message != "WhatsApp no longer has it" {
		t.Errorf("gone: %+v", o)
	}
	// A file that cannot be fetched now does not delay others, and is stored later.
	if o := w.outcome(PlaceSession, "behind"); o.Object == nil {
		t.Errorf("behind: %+v", o)
	}
	w.files.mu.Lock()
	delete(w.files.fail, "later")
	w.files.mu.Unlock()
	if o := w.outcome(PlaceSession, "later"); o.Object == nil {
		t.Errorf("later: %+v", o)
	}
	w.files.mu.Lock()
	w.files.fail["never"] = errors.New("not connected")
	w.files.mu.Unlock()
	w.add("shop", "never", []byte("x"))
	w.advance(2 * time.Minute)
	if o := w.outcome(PlaceSession, "never"); o.Error == nil || o.Error.Reason != ReasonFile {
		t.Errorf("never: %+v", o)
	}
	if st := w.Standing("shop"); st.LastError != nil {
		t.Errorf("the storage is blamed: %v", st.LastError)
	}
}

// TestHangingStoragesLeaveHalfOfTheSlots checks that storages that failed and then hang use half of the slots, also for hours, and that files for
// another storage are stored meanwhile.
func TestHangingStoragesLeaveHalfOfTheSlots(t *testing.T) {
	dead, alive := newServer(t), newServer(t)
	dead.be(func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return true
	})
	const uploads = 4
	w := onSQLite(t, Config{Uploads: uploads, UploadTimeout: time.Hour, GiveUp: time.Hour})
	for i := range 6 {
		session := fmt.Sprintf("dead%d", i)
		w.set(session, to(dead))
		for n := range 3 {
			w.add(session, fmt.Sprintf("%s-%d", session, n), []byte("x"))
		}
		testkit.Eventually(w.t, "the first failure", func() bool { return w.Standing(session).LastError != nil })
	}
	var hanging atomic.Int64
	release := make(chan struct{})
	dead.be(func(_ http.ResponseWriter, r *http.Request) bool {
		hanging.Add(1)
		defer hanging.Add(-1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return false // the storage is back and stores the file
	})
	testkit.Eventually(w.t, "hanging uploads", func() bool { return hanging.Load() == uploads/2 })
	w.set("alive", to(alive))
	for n := range 20 {
		w.add("alive", fmt.Sprint(n), []byte("x"))
	}
	for n := range 20 {
		if o := w.outcome(PlaceSession, fmt.Sprint(n)); o.Object == nil {
			t.Errorf("%d: %+v", n, o)
		}
	}
	if n := hanging.Load(); n != uploads/2 {
		t.Errorf("%d of %d uploads hang", n, uploads)
	}
	close(release) // no file was lost
	for i := range 6 {
		for n := range 3 {
			if o := w.outcome(PlaceSession, fmt.Sprintf("dead%d-%d", i, n)); o.Object == nil {
				t.Errorf("%d-%d: %+v", i, n, o)
			}
		}
	}
}

// TestHangingUploadIsEnded checks that an upload that hangs is ended after UploadTimeout, and the file is stored once the storage answers.
func TestHangingUploadIsEnded(t *testing.T) {
	s := newServer(t)
	s.be(s.hang)
	w := onSQLite(t, Config{UploadTimeout: 500 * time.Millisecond, GiveUp: time.Hour})
	w.set("shop", to(s))
	w.add("shop", "1", []byte("x"))
	testkit.Eventually(w.t, "the end of the upload", func() bool { return w.Standing("shop").LastError != nil })
	s.be(nil)
	// On a slow machine single attempts may still take longer than the timeout; a later one does not.
	if o := w.outcome(PlaceSession, "1"); o.Object == nil {
		t.Errorf("%+v", o)
	}
}

// TestRestart checks that the next server stores the files that are pending at the end of the previous one, and reports
// stored files that were not reported.
func TestRestart(t *testing.T) {
	onEach(t, Config{GiveUp: time.Hour}, func(t *testing.T, w *world) {
		s := newServer(t)
		w.set("shop", to(s))
		s.be(func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusServiceUnavailable, "SlowDown")
			return true
		})
		w.add("shop", "waits", []byte("1"))
		testkit.Eventually(w.t, "a failure", func() bool { return w.Standing("shop").LastError != nil })
		w.stop()
		s.be(nil)
		w.files.broken = true
		w.start()
		testkit.Eventually(w.t, "a fetch and an object", func() bool { return s.objects(t) == 1 })
		w.stop()
		w.files.broken = false
		w.start()
		if o := w.outcome(PlaceSession, "waits"); o.Object == nil || s.objects(t) != 1 {
			t.Errorf("%+v, %d objects", o, s.objects(t))
		}
	})
}

func TestFullLane(t *testing.T) {
	s := newServer(t)
	s.be(s.hang)
	w := onSQLite(t, Config{MaxWaiting: 2, GiveUp: time.Hour})
	w.set("shop", to(s))
	w.add("shop", "1", []byte("x"))
	w.add("shop", "2", []byte("x"))
	if places, full := w.Plan("shop"); len(places) != 0 || len(full) != 1 || full[0] != PlaceSession {
		t.Errorf("%v, full %v", places, full)
	}
	if st := w.Standing("shop"); st.Waiting != 2 {
		t.Errorf("standing %+v", st)
	}
}

// TestGlobalChanges changes the operator's storage: uploads in progress end in the previous one, pending and new files
// go to the new one.
func TestGlobalChanges(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, w *world) {
		before, after := newServer(t), newServer(t)
		global := func(s *server) Settings {
			return Settings{Enabled: true, Endpoint: s.URL + "/", Bucket: bucket, AccessKey: "key", SecretKey: "secret", PathStyle: true, Delivery: "s3"}
		}
		set := func(c Settings) {
			t.Helper()
			if err := w.SetGlobal(c); err != nil {
				t.Fatal(err)
			}
		}
		set(global(before))
		begun, release := make(chan struct{}, 10), make(chan struct{})
		before.be(func(http.ResponseWriter, *http.Request) bool { begun <- struct{}{}; <-release; return false })
		w.add("shop", "under way", []byte("1"))
		w.add("shop", "waits", []byte("2"))
		<-begun
		set(global(after))
		if c := w.Global(); c.Endpoint != after.URL || c.Delivery != DeliveryURL {
			t.Errorf("settings %+v", c)
		}
		close(release)
		for ref, s := range map[string]*server{"under way": before, "waits": after} {
			o := w.outcome(PlaceGlobal, ref)
			if o.Object == nil || o.Delivery != DeliveryURL || !strings.HasPrefix(o.Object.URL, s.URL+"/"+bucket+"/") {
				t.Fatalf("%s: %+v", ref, o)
			}
			s.object(t, o.Object.Key)
		}

		// Files that failed with the previous settings are tried with the new ones, and the standing drops the error.
		wrong := global(after)
		wrong.Bucket = "nothing"
		set(wrong)
		w.add("shop", "tried again", []byte("3"))
		testkit.Eventually(w.t, "a failure", func() bool { return w.GlobalStanding().LastError != nil })
		set(global(after))
		if o := w.outcome(PlaceGlobal, "tried again"); o.Object == nil {
			t.Errorf("%+v", o)
		}
		testkit.Eventually(w.t, "the end of the lane", func() bool { return w.GlobalStanding().Waiting == 0 })
		if st := w.GlobalStanding(); st.LastError != nil || st.Stored != 3 {
			t.Errorf("standing %+v", st)
		}

		var bad refusal.Problems
		wrong.Bucket = ""
		if err := w.SetGlobal(wrong); !errors.As(err, &bad) || bad[0].Field != "bucket" || w.Global().Bucket != bucket {
			t.Errorf("%v, %+v", err, w.Global())
		}
		if err := w.CheckGlobal(wrong); !errors.As(err, &bad) {
			t.Errorf("%v", err)
		}
		after.be(func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusServiceUnavailable, "SlowDown")
			return true
		})
		w.add("shop", "not any more", []byte("4"))
		set(Settings{})
		if o := w.outcome(PlaceGlobal, "not any more"); o.Object != nil || o.Error != nil || o.Delivery != DeliveryBase64 {
			t.Errorf("%+v", o)
		}
		if places, full := w.Plan("shop"); len(places)+len(full) > 0 {
			t.Errorf("places %v %v", places, full)
		}
	})
}

// TestSessionGoneMeanwhile deletes a session during its upload: neither the object nor its row remains.
func TestSessionGoneMeanwhile(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, w *world) {
		s := newServer(t)
		w.set("shop", to(s))
		w.files.mu.Lock()
		w.files.gone = true
		w.files.mu.Unlock()
		w.add("shop", "late", []byte("a picture"))
		testkit.Eventually(w.t, "the end of the lane", func() bool { return w.Standing("shop").Waiting == 0 && w.Standing("shop").Stored == 1 })
		if n := w.count(`SELECT COUNT(*) FROM s3_jobs`) + w.count(`SELECT COUNT(*) FROM s3_objects`); n != 0 || s.objects(t) != 0 {
			t.Errorf("%d rows and %d objects are left", n, s.objects(t))
		}
	})
}

// TestPartsOfACrash checks that no parts of an upload interrupted by a crash remain in the storage once the file is
// stored.
func TestPartsOfACrash(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{})
	w.set("shop", to(s))
	begun := make(chan struct{})
	var once sync.Once
	s.be(func(rw http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodDelete: // the crashed process sends no more requests
			refuse(rw, http.StatusServiceUnavailable, "SlowDown")
			return true
		case r.URL.Query().Get("partNumber") == "2":
			once.Do(func() { close(begun) })
			return s.hang(rw, r)
		}
		return false
	})
	w.add("shop", "large", make([]byte, partSize+1))
	<-begun
	w.stop()
	s.be(nil)
	uploads := func() int {
		t.Helper()
		settings := w.Settings("shop")
		c, err := newClient(&settings, http.DefaultTransport)
		if err != nil {
			t.Fatal(err)
		}
		list, err := minio.Core{Client: c.Client}.ListMultipartUploads(t.Context(), bucket, "", "", "", "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Uploads)
	}
	if n := uploads(); n != 1 {
		t.Fatalf("%d uploads are open after the crash", n)
	}
	w.start()
	if o := w.outcome(PlaceSession, "large"); o.Object == nil {
		t.Fatalf("%+v", o)
	}
	if n := uploads(); n != 0 {
		t.Errorf("%d uploads are left open", n)
	}
}

// TestUploadsAreBounded checks that at most Config.Uploads files are uploaded concurrently over all sessions. The
// others wait, and all are stored.
func TestUploadsAreBounded(t *testing.T) {
	const most, sessions = 2, 6
	s := newServer(t)
	w := onSQLite(t, Config{Uploads: most})
	var running, highest atomic.Int32
	full, once := make(chan struct{}), sync.Once{}
	s.be(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		defer running.Add(-1)
		n := running.Add(1)
		for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
		}
		if n == most {
			once.Do(func() { close(full) })
		}
		select { // the first request waits for a second one
		case <-full:
		case <-time.After(patience):
			t.Error("one file at a time is on its way")
		}
		time.Sleep(50 * time.Millisecond) // a third request, if there is one, arrives meanwhile
		return false
	})
	for i := range sessions {
		w.set(fmt.Sprint("session-", i), to(s))
	}
	for i := range sessions {
		w.add(fmt.Sprint("session-", i), fmt.Sprint(i), []byte("x"))
	}
	for i := range sessions {
		if o := w.outcome(PlaceSession, fmt.Sprint(i)); o.Object == nil {
			t.Errorf("%d: %+v", i, o)
		}
	}
	if highest.Load() != most {
		t.Errorf("%d files were on their way at a time, want %d", highest.Load(), most)
	}
}
