package objectstore

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

const patience = 20 * time.Second

// bucket is the bucket of the sessions in these tests.
const bucket = "media"

// server is a storage in this process. It knows one key and can be made to fail.
type server struct {
	*httptest.Server
	backend *s3mem.Backend
	freed   chan struct{} // closed at the end; hanging requests end

	mu     sync.Mutex
	mood   func(w http.ResponseWriter, r *http.Request) (handled bool)
	public int // number of objects marked as public
	asked  int
	kinds  map[string]string // dispositions by path
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{backend: s3mem.New(), freed: make(chan struct{}), kinds: map[string]string{}}
	if err := s.backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.StdLog(log.New(io.Discard, "", 0)))).Server()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		mood := s.mood
		s.asked++
		if r.Header.Get("x-amz-acl") == "public-read" {
			s.public++
		}
		if r.Method == http.MethodPut || r.Method == http.MethodPost && r.URL.RawQuery == "uploads=" {
			s.kinds[r.URL.Path] = r.Header.Get("Content-Disposition")
		}
		s.mu.Unlock()
		switch {
		case mood != nil && mood(w, r):
		case !strings.Contains(r.Header.Get("Authorization"), "Credential=key/"):
			refuse(w, http.StatusForbidden, "InvalidAccessKeyId")
		default:
			if r.URL.Query().Has("partNumber") && strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
				unchunk(r) // the fake checks signatures of whole objects only
			}
			fake.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { close(s.freed); s.Close() })
	return s
}

// unchunk decodes a body of signed chunks: length;chunk-signature=..., data, end of line.
func unchunk(r *http.Request) {
	in := bufio.NewReader(r.Body)
	var out bytes.Buffer
	for {
		head, err := in.ReadString('\n')
		length, bad := strconv.ParseInt(strings.SplitN(head, ";", 2)[0], 16, 64)
		if err != nil || bad != nil || length == 0 {
			break
		}
		_, _ = io.CopyN(&out, in, length)
		_, _ = in.Discard(2)
	}
	r.Header.Del("X-Amz-Content-Sha256")
	r.Header.Set("Content-Length", fmt.Sprint(out.Len()))
	r.ContentLength, r.Body = int64(out.Len()), io.NopCloser(&out)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
}

func (s *server) be(mood func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood = mood
}

// hang does not answer until freed is closed.
func (s *server) hang(_ http.ResponseWriter, r *http.Request) bool {
	select {
	case <-s.freed:
	case <-r.Context().Done():
	}
	return true
}

func (s *server) object(t *testing.T, key string) []byte {
	t.Helper()
	o, err := s.backend.GetObject(bucket, key, nil)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	defer o.Contents.Close()
	content, err := io.ReadAll(o.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (s *server) objects(t *testing.T) int {
	t.Helper()
	list, err := s.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Contents)
}

// files provides the files of messages, by their ref, and records the reported outcomes.
type files struct {
	db *dbutil.Database

	mu      sync.Mutex
	content map[string][]byte
	fetches map[string]int
	fail    map[string]error
	told    map[string]*Outcome // by place and ref
	order   []string
	broken  bool // reporting fails
	gone    bool // sessions are deleted
}

func (f *files) Fetch(_ context.Context, j *Job) (*File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetches[j.Ref]++
	if err := f.fail[j.Ref]; err != nil {
		return nil, err
	}
	content := f.content[j.Ref]
	return &File{Content: reader{bytes.NewReader(content)}, Size: int64(len(content)), MimeType: "image/png", Filename: j.Ref + ".png"}, nil
}

// reader is a byte slice with random access, like a file.
type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func (f *files) Done(ctx context.Context, j *Job, o *Outcome, commit func(context.Context) (bool, error)) error {
	f.mu.Lock()
	broken, gone := f.broken, f.gone
	f.mu.Unlock()
	switch {
	case broken:
		return io.ErrUnexpectedEOF
	case gone:
		return ErrGone
	}
	wanted := false
	err := f.db.DoTxn(ctx, nil, func(ctx context.Context) (err error) { wanted, err = commit(ctx); return err })
	if err != nil || !wanted {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told[string(j.Place)+" "+j.Ref] = o
	f.order = append(f.order, j.Ref)
	return nil
}

// world is the storages of sessions on a database.
type world struct {
	*Storage
	t     *testing.T
	cfg   Config
	files *files
	mu    sync.Mutex
	ahead time.Duration // offset from the real time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func newWorld(t *testing.T, address string, cfg Config) *world {
	t.Helper()
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, files: &files{
		db: db, content: map[string][]byte{}, fetches: map[string]int{}, fail: map[string]error{}, told: map[string]*Outcome{},
	}}
	open := &http.Transport{}
	cfg.Key, cfg.Now, cfg.Open = make([]byte, 32), w.now, open
	if cfg.Check == nil {
		cfg.Check = g.Check
	}
	cfg.Guarded = g.Client(guard.Limits{MaxRedirects: -1}).Transport
	if cfg.RetryMin == 0 {
		cfg.RetryMin, cfg.RetryMax = 5*time.Millisecond, 20*time.Millisecond
	}
	w.cfg = cfg
	w.start()
	t.Cleanup(func() {
		w.stop()
		open.CloseIdleConnections()
		g.Close()
		_ = db.Close()
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.Storage, err = Open(w.t.Context(), w.files.db, w.cfg); err != nil {
		w.t.Fatal(err)
	}
	w.Start(w.files)
}

func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		w.t.Error(err)
	}
}

func onSQLite(t *testing.T, cfg Config) *world {
	t.Helper()
	return newWorld(t, filepath.Join(t.TempDir(), "s3.db"), cfg)
}

func onEach(t *testing.T, cfg Config, test func(t *testing.T, w *world)) {
	dbtest.OnEach(t, func(t *testing.T, address string) { test(t, newWorld(t, address, cfg)) })
}

func ptr[T any](v T) *T { return &v }

// to returns settings of a working storage.
func to(s *server) *Change {
	return &Change{
		Enabled: ptr(true), Endpoint: ptr(s.URL), Bucket: ptr(bucket), AccessKey: ptr("key"), SecretKey: ptr("hunter2-hunter2"), PathStyle: ptr(true),
	}
}

func (w *world) set(session string, changes ...*Change) {
	w.t.Helper()
	for _, c := range changes {
		if _, err := w.Update(w.t.Context(), session, c); err != nil {
			w.t.Fatal(err)
		}
	}
}

// add enqueues a file for every place in the plan.
func (w *world) add(session, ref string, content []byte) {
	w.t.Helper()
	w.files.mu.Lock()
	w.files.content[ref] = content
	w.files.mu.Unlock()
	places, _ := w.Plan(session)
	for _, place := range places {
		if err := w.Add(w.t.Context(), session, place, ref, ".png", []byte(`{}`)); err != nil {
			w.t.Fatal(err)
		}
		w.Wake(session, place)
	}
}

// outcome waits until the outcome of a file was reported.
func (w *world) outcome(place Place, ref string) *Outcome {
	w.t.Helper()
	var o *Outcome
	testkit.Eventually(w.t, "the outcome of "+ref, func() bool {
		w.files.mu.Lock()
		defer w.files.mu.Unlock()
		o = w.files.told[string(place)+" "+ref]
		return o != nil
	})
	return o
}

func (w *world) count(query string) (n int) {
	w.t.Helper()
	if err := w.files.db.QueryRow(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}
