package brokertest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// Key and secret of an S3Server.
const (
	S3Key    = "key"
	S3Secret = "hunter2-hunter2"
)

// S3Server is an object storage that checks signatures and rights, and keeps objects as files.
type S3Server struct {
	server
	dir string
}

// S3 starts a server with some buckets for the length of the test.
func S3(t testing.TB, buckets ...string) *S3Server {
	t.Helper()
	testkit.SkipIfShort(t)
	_, here, _, _ := runtime.Caller(0)
	program := requireProgram(t, filepath.Join(filepath.Dir(here), "..", "..", ".cache", "bin", "versitygw"), "versitygw")
	dir := t.TempDir()
	s := &S3Server{server: server{Port: freePort(t)}, dir: filepath.Join(dir, "objects")}
	about := filepath.Join(dir, "about") // beside the objects, as not every file system has attributes
	for _, folder := range append([]string{about, s.dir}, s.listPaths(buckets)...) {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.process = process{
		name: "versitygw", log: logIn(dir), ready: listensAt(s.Port),
		command: func() *exec.Cmd {
			return exec.Command(program, "--access", S3Key, "--secret", S3Secret, "--port", s.Addr(), "--keep-alive", "--quiet", "posix", "--sidecar", about, s.dir)
		},
	}
	t.Cleanup(s.Kill)
	s.Start(t)
	return s
}

func (s *S3Server) listPaths(buckets []string) (list []string) {
	for _, bucket := range buckets {
		list = append(list, filepath.Join(s.dir, bucket))
	}
	return list
}

// URL is the server's endpoint; it takes buckets in the path.
func (s *S3Server) URL() string { return "http://" + s.Addr() }

// Objects returns the objects of a bucket, by key.
func (s *S3Server) Objects(t testing.TB, bucket string) map[string][]byte {
	t.Helper()
	objects := map[string][]byte{}
	root := filepath.Join(s.dir, bucket)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		key, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		objects[filepath.ToSlash(key)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
