package datadir

import (
	"errors"
	"os"
	"path/filepath"
)

// WritePrivate writes a file of one line atomically, readable only by its owner. It is on the disk when WritePrivate
// returns.
func WritePrivate(path, line string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}
