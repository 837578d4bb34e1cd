package sandbox

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/jpeg"
	"net/http"
	"strings"
	"time"
)

const (
	// previewSide is the length of the longer side of small pictures, in pixels.
	previewSide    = 96
	previewQuality = 80
)

// putPicture stores a picture under its id.
func (s *blobStore) putPicture(id string, data []byte) *blob {
	return s.insert(&blob{path: pictureFolder + id + "_n.jpg", kind: pictureKind, data: data, hash: sha256.Sum256(data)})
}

// servePicture sends a picture or its preview.
func (s *blobStore) servePicture(w http.ResponseWriter, r *http.Request, b *blob) {
	data := b.data
	if strings.Contains(r.URL.RawQuery, previewQuery) {
		small, err := shrink(data)
		if err != nil {
			s.net.log.Warn("no preview of a picture", "error", err)
			refuseHTTP(w, http.StatusInternalServerError)
			return
		}
		data = small
	}
	w.Header().Set("Content-Type", "image/jpeg")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// shrink scales a JPEG down so that its longer side is previewSide; a smaller one keeps its size.
func shrink(data []byte) ([]byte, error) {
	source, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	bounds := source.Bounds()
	longer := max(bounds.Dx(), bounds.Dy())
	if longer <= previewSide {
		return data, nil
	}
	small := image.NewRGBA(image.Rect(0, 0, max(1, bounds.Dx()*previewSide/longer), max(1, bounds.Dy()*previewSide/longer)))
	for y := range small.Rect.Dy() {
		for x := range small.Rect.Dx() {
			small.Set(x, y, source.At(bounds.Min.X+x*bounds.Dx()/small.Rect.Dx(), bounds.Min.Y+y*bounds.Dy()/small.Rect.Dy()))
		}
	}
	var out bytes.Buffer
	if err = jpeg.Encode(&out, small, &jpeg.Options{Quality: previewQuality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
