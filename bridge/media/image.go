package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	_ "image/gif" // decoder
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // decoder
)

const (
	thumbnailSide    = 100 // pixels of the longer side; WhatsApp blurs it anyway
	thumbnailQuality = 60
	imageQuality     = 90
	maxThumbnail     = 64 << 10 // bytes of a thumbnail a caller brings
)

// prepareImage lets jpeg and png through byte for byte. gif and webp, which
// WhatsApp shows as pictures only on some devices, become jpeg.
func (l *Library) prepareImage(ctx context.Context, p *Prepared) error {
	switch p.MimeType {
	case typeJPEG, typePNG:
		small, width, height, err := l.thumbnail(ctx, p.File)
		p.Thumbnail, p.Width, p.Height = small, width, height
		return err
	case typeGIF, typeWebP:
		return l.toJPEG(ctx, p)
	}
	return wrongKind(p, "a jpeg, png, gif or webp picture")
}

// decodePicture reads a picture while no more than a few others are read.
func (l *Library) decodePicture(ctx context.Context, f *File) (img image.Image, release func(), err error) {
	config, err := l.pictureSize(f)
	if err != nil {
		return nil, nil, err
	}
	if config.Width*config.Height > l.config.MaxPixels {
		return nil, nil, badField("", "the picture has %d x %d pixels, more than %d in all", config.Width, config.Height, l.config.MaxPixels)
	}
	if err := l.decoders.Acquire(ctx, 1); err != nil {
		return nil, nil, &Error{Reason: ReasonTimeout, Message: "too many pictures are being read", Err: err}
	}
	release = func() { l.decoders.Release(1) }
	if err = f.Rewind(); err == nil {
		img, _, err = image.Decode(f.File)
	}
	if err != nil && f.MimeType == typeWebP {
		if frame := firstFrame(f); frame != nil {
			img, _, err = image.Decode(bytes.NewReader(frame))
		}
	}
	if err != nil {
		release()
		return nil, nil, badField("", "the file is a broken picture")
	}
	return img, release, nil
}

func (l *Library) pictureSize(f *File) (image.Config, error) {
	if err := f.Rewind(); err != nil {
		return image.Config{}, storageError("the file could not be read", err)
	}
	config, _, err := image.DecodeConfig(f.File)
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return image.Config{}, badField("", "the file is a broken picture")
	}
	return config, nil
}

func (l *Library) thumbnail(ctx context.Context, f *File) (small []byte, width, height int, err error) {
	img, release, err := l.decodePicture(ctx, f)
	if err != nil {
		return nil, 0, 0, err
	}
	defer release()
	how := orientation(f.File)
	small, err = shrinkImage(img, how)
	if width, height = img.Bounds().Dx(), img.Bounds().Dy(); how >= 5 {
		width, height = height, width
	}
	return small, width, height, err
}

// shrinkImage makes the small JPEG a message carries, turned as an orientation says.
func shrinkImage(img image.Image, how int) ([]byte, error) {
	width, height := img.Bounds().Dx(), img.Bounds().Dy()
	if longer := max(width, height); longer > thumbnailSide {
		width, height = max(1, width*thumbnailSide/longer), max(1, height*thumbnailSide/longer)
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, img.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, orientImage(small, how), &jpeg.Options{Quality: thumbnailQuality}); err != nil {
		return nil, storageError("the thumbnail could not be made", err)
	}
	return out.Bytes(), nil
}

func (l *Library) toJPEG(ctx context.Context, p *Prepared) error {
	img, release, err := l.decodePicture(ctx, p.File)
	if err != nil {
		return err
	}
	defer release()
	flat := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, flat, &jpeg.Options{Quality: imageQuality}); err != nil {
		return storageError("the picture could not be converted", err)
	}
	if p.Thumbnail, err = shrinkImage(flat, 1); err != nil {
		return err
	}
	p.Width, p.Height = flat.Bounds().Dx(), flat.Bounds().Dy()
	return l.replaceContent(p, &out, typeJPEG)
}

// replaceContent puts other content in place of a file.
func (l *Library) replaceContent(p *Prepared, content io.Reader, mimeType string) error {
	next, err := l.receiveContent(content, "", claims{declared: mimeType, filename: p.Filename})
	if err != nil {
		return err
	}
	old := p.File
	p.File = next
	return errors.Join(old.Close())
}

// Thumbnail opens a small JPEG a caller brings, and makes it small if it is not.
func (l *Library) Thumbnail(ctx context.Context, session string, in Input) ([]byte, error) {
	f, err := l.Open(ctx, session, in)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.MimeType == typeJPEG && f.Size <= maxThumbnail {
		if _, err := l.pictureSize(f); err != nil {
			return nil, err
		}
		if err := f.Rewind(); err != nil {
			return nil, storageError("the file could not be read", err)
		}
		return io.ReadAll(f.File)
	}
	switch f.MimeType {
	case typeJPEG, typePNG, typeGIF, typeWebP:
		small, _, _, err := l.thumbnail(ctx, f)
		return small, err
	}
	return nil, badField("", "the file is %s; needed is a picture", f.MimeType)
}

// PNG is a thumbnail in the form stickers have theirs; nothing stays nothing.
func PNG(thumbnail []byte) ([]byte, error) {
	if thumbnail == nil {
		return nil, nil
	}
	small, err := jpeg.Decode(bytes.NewReader(thumbnail))
	if err != nil {
		return nil, &Error{Reason: ReasonBad, Message: "the thumbnail is not a picture", Err: err}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, small); err != nil {
		return nil, &Error{Reason: ReasonBad, Message: "the thumbnail cannot be encoded", Err: err}
	}
	return out.Bytes(), nil
}
