package media

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// movie has the properties in the header of an mp4 or 3gpp file.
type movie struct {
	duration      time.Duration
	width, height int
}

var errNoMovie = errors.New("no movie header")

const (
	maxBoxes    = 10000 // boxes looked at; a file of tiny boxes must not take forever
	maxBoxDepth = 4
)

// readMovie walks the boxes of an ISO file (ISO/IEC 14496-12) down to the
// movie and track headers.
func readMovie(r io.ReaderAt, size int64) (*movie, error) {
	w := &boxWalker{r: r, left: maxBoxes}
	if err := w.walk(0, size, 0); err != nil {
		return nil, err
	}
	if !w.found {
		return nil, errNoMovie
	}
	if w.movie.duration == 0 {
		w.movie.duration = w.fragments.duration()
	}
	return &w.movie, nil
}

type boxWalker struct {
	r     io.ReaderAt
	left  int
	found bool
	movie movie
	fragments
}

func (w *boxWalker) walk(from, to int64, depth int) error {
	for from+8 <= to {
		if w.left--; w.left < 0 {
			return errNoMovie
		}
		name, head, size, err := w.box(from, to)
		if err != nil {
			return err
		}
		switch name {
		case "moov", "trak", "mdia", "mvex", "moof", "traf":
			if depth < maxBoxDepth {
				err = w.walk(from+head, from+size, depth+1)
			}
		case "mvhd":
			err = w.movieHeader(from+head, size-head)
		case "mdhd":
			err = w.mediaHeader(from+head, size-head)
		case "mehd", "trex", "tfhd", "trun":
			err = w.fragment(name, from+head, size-head)
		case "tkhd":
			err = w.trackHeader(from+head, size-head)
		}
		if err != nil {
			return err
		}
		from += size
	}
	return nil
}

func (w *boxWalker) box(at, end int64) (name string, head, size int64, err error) {
	var b [16]byte
	if _, err = w.r.ReadAt(b[:8], at); err != nil {
		return "", 0, 0, err
	}
	head, size = 8, int64(binary.BigEndian.Uint32(b[:4]))
	switch size {
	case 0:
		size = end - at
	case 1:
		if _, err = w.r.ReadAt(b[8:], at+8); err != nil {
			return "", 0, 0, err
		}
		head, size = 16, int64(binary.BigEndian.Uint64(b[8:]))
	}
	if size < head || size > end-at {
		return "", 0, 0, io.ErrUnexpectedEOF
	}
	return string(b[4:8]), head, size, nil
}

func (w *boxWalker) movieHeader(at, size int64) error {
	var b [32]byte
	if size < 20 {
		return io.ErrUnexpectedEOF
	}
	if _, err := w.r.ReadAt(b[:min(int64(len(b)), size)], at); err != nil {
		return err
	}
	scale, length := uint64(binary.BigEndian.Uint32(b[12:])), uint64(binary.BigEndian.Uint32(b[16:]))
	if b[0] == 1 {
		scale, length = uint64(binary.BigEndian.Uint32(b[20:])), binary.BigEndian.Uint64(b[24:])
	}
	w.found, w.scale = true, scale
	if scale > 0 && length/scale < 1<<24 { // an unknown length is all ones
		w.movie.duration = time.Duration(float64(length) / float64(scale) * float64(time.Second))
	}
	return nil
}

func (w *boxWalker) trackHeader(at, size int64) error {
	var b [44]byte
	if size < 84 {
		return nil
	}
	if _, err := w.r.ReadAt(b[:24], at); err != nil {
		return err
	}
	w.track = binary.BigEndian.Uint32(b[12:])
	if b[0] == 1 {
		w.track = binary.BigEndian.Uint32(b[20:])
	}
	if _, err := w.r.ReadAt(b[:], at+size-44); err != nil { // a matrix, and width and height as 16.16 fixed point, end the box
		return err
	}
	width, height := int(binary.BigEndian.Uint16(b[36:])), int(binary.BigEndian.Uint16(b[40:]))
	if binary.BigEndian.Uint32(b[0:]) == 0 && binary.BigEndian.Uint32(b[4:]) != 0 { // a quarter turn
		width, height = height, width
	}
	if width > w.movie.width {
		w.movie.width, w.movie.height = width, height
	}
	return nil
}
