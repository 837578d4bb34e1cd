package datadir

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// Lock makes the data directory and locks it for this process, until the returned file is closed. Two servers in one
// directory would send and deliver everything twice, and one on the simulated network would delete the database of the
// other.
func Lock(dir string, log *slog.Logger) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	taken, err := lockFile(f)
	switch {
	case taken:
		err = fmt.Errorf("another server runs in %s; stop it, or give this one a -data-dir of its own", dir)
	case err != nil: // some file systems have no locks
		log.Warn("the data directory cannot be locked against a second server", "error", err)
		err = nil
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
