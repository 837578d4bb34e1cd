package media

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"
)

// Kind is the kind of message in which a file is sent.
type Kind string

// The kinds of media messages.
const (
	KindImage    Kind = "image"
	KindVideo    Kind = "video"
	KindAudio    Kind = "audio"
	KindVoice    Kind = "voice"
	KindDocument Kind = "document"
	KindSticker  Kind = "sticker"

	// KindByType is whichever of image, video and document the file's MIME type says.
	KindByType Kind = ""
)

// kindByType are the MIME types that WhatsApp shows in place; all others are documents.
var kindByType = map[string]Kind{
	typeJPEG: KindImage, typePNG: KindImage, typeGIF: KindImage, typeWebP: KindImage, typeMP4: KindVideo, type3GP: KindVideo,
}

// KindOf returns the kind of message in which WhatsApp's apps send a file of a MIME type: picture, video, sound, or document for all others.
func KindOf(mimeType string) Kind {
	if kind := kindByType[mimeType]; kind != "" {
		return kind
	}
	if strings.HasPrefix(mimeType, "audio/") {
		return KindAudio
	}
	return KindDocument
}

// Prepared is a file in the form that WhatsApp requires for its kind, with the
// fields of its message.
type Prepared struct {
	*File
	Kind          Kind          // as asked for, or as found
	Width, Height int           // pictures, stickers, videos; 0 = not known
	Duration      time.Duration // audio and video; 0 = not known
	Waveform      []byte        // voice notes: 64 values from 0 to 100
	Thumbnail     []byte        // small JPEG; nil = none
	Animated      bool          // stickers
}

// Prepare opens a file and makes it fit a kind. The caller closes it.
func (l *Library) Prepare(ctx context.Context, session string, in Input, kind Kind) (*Prepared, error) {
	f, err := l.Open(ctx, session, in)
	if err != nil {
		return nil, err
	}
	if kind == KindByType {
		if kind = kindByType[f.MimeType]; kind == KindByType {
			kind = KindDocument
		}
	}
	return l.Fit(ctx, f, kind)
}

// Fit makes an open file fit a kind. It closes the file if it fails.
func (l *Library) Fit(ctx context.Context, f *File, kind Kind) (*Prepared, error) {
	p := &Prepared{File: f, Kind: kind}
	if err := l.prepareKind(ctx, p, kind); err != nil {
		p.File.Close()
		return nil, err
	}
	if err := p.Rewind(); err != nil {
		p.File.Close()
		return nil, storageError("the file could not be read", err)
	}
	return p, nil
}

func (l *Library) prepareKind(ctx context.Context, p *Prepared, kind Kind) error {
	switch kind {
	case KindImage:
		return l.prepareImage(ctx, p)
	case KindSticker:
		return l.prepareSticker(ctx, p)
	case KindVideo:
		return prepareVideo(p)
	case KindAudio:
		return l.prepareAudio(ctx, p)
	case KindVoice:
		return l.prepareVoice(ctx, p)
	}
	if p.MimeType == typeJPEG || p.MimeType == typePNG {
		// A picture sent as a file gets a preview if one can be made.
		if small, width, height, err := l.thumbnail(ctx, p.File); err == nil {
			p.Thumbnail, p.Width, p.Height = small, width, height
		}
	}
	return nil
}

func wrongKind(p *Prepared, want string) error {
	return badField("", "the file is %s; needed is %s", p.MimeType, want)
}

func prepareVideo(p *Prepared) error {
	if p.MimeType != typeMP4 && p.MimeType != type3GP {
		return wrongKind(p, "an mp4 or 3gpp video")
	}
	movie, err := readMovie(p.File, p.Size)
	if err != nil {
		return badField("", "the file is not a readable mp4 or 3gpp video")
	}
	p.Duration, p.Width, p.Height = movie.duration, movie.width, movie.height
	return nil
}

// VideoLength returns the length of an open mp4 or 3gpp video and rewinds it.
func (l *Library) VideoLength(f *File) (time.Duration, error) {
	p := &Prepared{File: f}
	if err := prepareVideo(p); err != nil {
		return 0, err
	}
	if err := f.Rewind(); err != nil {
		return 0, storageError("the file could not be read", err)
	}
	return p.Duration, nil
}

// prepareAudio measures sounds in the types that WhatsApp's apps play, and converts all others to AAC.
func (l *Library) prepareAudio(ctx context.Context, p *Prepared) error {
	switch p.MimeType {
	case typeOgg:
		if sound, err := readOgg(p.File); err == nil {
			if p.Duration = sound.duration; !sound.vorbis {
				p.MimeType = opusType
			}
		}
	case typeM4A, typeMP4:
		movie, err := readMovie(p.File, p.Size)
		if err != nil {
			return badField("", "the file is not readable audio")
		}
		p.Duration, p.MimeType = movie.duration, typeM4A
	case typeWAV:
		p.Duration = wavDuration(p.File, p.Size)
	case typeMPEG, typeAAC, typeAMR:
		if err := p.Rewind(); err != nil {
			return storageError("the file could not be read", err)
		}
		in := bufio.NewReader(p.File.File)
		p.Duration = map[string]func(*bufio.Reader) time.Duration{typeMPEG: mp3Duration, typeAAC: aacDuration, typeAMR: amrDuration}[p.MimeType](in)
	case "audio/flac":
		p.Duration = flacDuration(p.File)
	default:
		if !holdsSound(p.MimeType) {
			return wrongKind(p, "audio")
		}
		if err := l.convert(ctx, p, "audio needs to be ogg/opus, mp3, aac, m4a, amr, wav or flac", typeM4A, audioArguments); err != nil {
			return err
		}
		movie, err := readMovie(p.File, p.Size)
		if err != nil {
			return badField("", "the converted file is not readable audio")
		}
		p.Duration = movie.duration
	}
	return nil
}

// opusType is the type WhatsApp expects of a voice note.
const opusType = "audio/ogg; codecs=opus"

// holdsSound reports whether files of a type may hold sound. Video types are among them: recorders write sound into the same containers.
func holdsSound(mimeType string) bool {
	return strings.HasPrefix(mimeType, "audio/") || strings.HasPrefix(mimeType, "video/")
}

func (l *Library) prepareVoice(ctx context.Context, p *Prepared) error {
	if !holdsSound(p.MimeType) {
		return wrongKind(p, "audio")
	}
	sound, err := readOpus(p.File)
	if p.MimeType != typeOgg || err != nil {
		if err := l.convert(ctx, p, "a voice note needs ogg/opus audio", typeOgg, voiceArguments); err != nil {
			return err
		}
		if sound, err = readOpus(p.File); err != nil {
			return badField("", "the converted file is not ogg/opus audio")
		}
	}
	p.Duration, p.Waveform, p.MimeType = sound.duration, sound.waveform(), opusType
	return nil
}

var _ io.Closer = (*Prepared)(nil)
